import { describe, expect, it } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { keptWords, keyMeaning, keyProblem } from './kept';

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

  it('says what a first key does to agents that may run by a log-in of their own', async () => {
    const { backend } = fakeBackend();
    const [{ rows }, agents, sandboxes] = await Promise.all([
      backend.keys(),
      backend.agents(),
      backend.listSandboxes(),
    ]);
    const row = (provider: string) => {
      const found = rows.find((one) => one.provider === provider);
      if (!found) throw new Error(provider);
      return found;
    };
    const openai = keyMeaning(row('openai'), agents, sandboxes);
    expect(openai).toContain('Codex, OpenCode and Aider use this key instead of a log-in of their own');
    // invoice-tools works with Codex; wedding-orders, with Aider, does not run.
    expect(openai).toContain('At once in invoice-tools: what an agent there is sending by its log-in is cut off');
    const asleep = sandboxes.map((one) => ({ ...one, status: 'stopped' as const }));
    expect(keyMeaning(row('openai'), agents, asleep)).not.toContain('At once');
    expect(keyMeaning(row('google'), agents, asleep)).toContain('Gemini CLI uses this key instead of a log-in of its');
    // One that replaces another changes nothing of that; nor does a key that no agent uses by itself.
    expect(keyMeaning(row('anthropic'), agents, sandboxes)).toBeNull();
    expect(keyMeaning(row('openrouter'), agents, sandboxes)).toBeNull();
  });
});
