import { describe, expect, it } from 'vitest';
import { targetOf } from './links';
import { area, points } from './sparkline';

describe('links of a terminal', () => {
  it('show the host that is really asked', () => {
    expect(targetOf('https://example.org/a')?.host).toBe('example.org');
    // What stands before the @ is a name to log in with, not the host.
    expect(targetOf('https://bank.example@evil.example/')?.href).toBe('https://evil.example/');
    // A letter of another script is named as such.
    expect(targetOf('https://аpple.example/')?.host).toBe('xn--pple-43d.example');
  });

  it.each(['javascript:alert(1)', 'file:///etc/passwd', 'vscode://x', 'not a link'])('%s is not opened', (url) =>
    expect(targetOf(url)).toBeNull(),
  );
});

describe('curves', () => {
  it('have the newest at the right and the limit at the top', () => {
    expect(points([0, 1], 1, 2)).toBe('0.0,26.5 100.0,2.5');
    expect(points([5], 1, 2)).toBe('100.0,2.5');
    expect(area('0.0,26.5 100.0,2.5')).toBe('0.0,28 0.0,26.5 100.0,2.5 100.0,28');
  });
});
