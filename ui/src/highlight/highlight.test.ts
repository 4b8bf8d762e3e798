import { describe, expect, it } from 'vitest';
import { highlight } from './highlight';
import { languageOf } from './languages';
import { numberOf, roleOf, ROLES } from './roles';

describe('the grammar of a file', () => {
  it('goes by its name first, then by its ending', () => {
    expect(languageOf('a/Dockerfile')).toBe('docker');
    expect(languageOf('.vscode/tasks.json')).toBe('jsonc');
    expect(languageOf('data/x.JSON')).toBe('json');
    expect(languageOf('LICENSE')).toBeNull();
    expect(languageOf('c')).toBeNull();
  });
});

describe('colours', () => {
  it('are numbers of roles on the way through the grammar', () => {
    for (const role of ROLES) expect(ROLES[roleOf(numberOf(role))]).toBe(role);
    expect(roleOf(undefined)).toBe(0);
  });

  it('are left away where no worker runs, and nothing waits for them', async () => {
    await expect(highlight('a.ts', ['let a'])).resolves.toEqual([]);
  });
});
