import { describe, expect, it } from 'vitest';
import { keptWords, keyProblem } from './kept';

describe('keys', () => {
  it('says what is wrong with a key before it is sent', () => {
    expect(keyProblem('')).toBeNull();
    expect(keyProblem(' sk-ant-0123456789 ')).toBeNull();
    expect(keyProblem('short')).toContain('short');
    expect(keyProblem('a key with spaces')).toContain('no spaces');
    expect(keyProblem('schlüssel-0123')).toContain('plain');
  });

  it('says where one is kept', () => {
    const words = keptWords({ place: 'file', since: 0, server: 'http://localhost:11434/v1', model: 'qwen' });
    expect(words).toContain('only you can read');
    expect(words).toContain('http://localhost:11434/v1 · qwen');
  });
});
