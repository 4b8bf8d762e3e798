import { describe, expect, it } from 'vitest';
import { comesBackTo, targetOf } from './links';
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

describe('the way back of a log-in', () => {
  const back = (value: string): string => `https://log-in.example/auth?client=x&to=${encodeURIComponent(value)}`;

  it.each([
    ['https://openrouter.ai/auth?callback_url=http://localhost:8484/callback/aider&code_challenge=x', 8484],
    [back('http://127.0.0.1:1455/auth/callback'), 1455],
    [back('HTTP://LOCALHOST:54545'), 54545],
    ['https://log-in.example/#/start?x=1&redirect_uri=http%3A%2F%2Flocalhost%3A3000%2F', 3000],
  ])('is the port that %s names', (url, port) => expect(comesBackTo(url)).toBe(port));

  it.each([
    'https://example.org/',
    'http://localhost:8484/',
    back('https://localhost:8484/'),
    back('http://localhost/'),
    back('http://localhost:0/'),
    back('http://localhost:99999/'),
    back('http://localhost.evil.example:8484/'),
    back('http://localhost:8484@evil.example/'),
    back('http://192.168.1.1:8484/'),
    back('localhost:8484'),
    'not a link',
  ])('is none in %s', (url) => expect(comesBackTo(url)).toBeNull());
});

describe('curves', () => {
  it('have the newest at the right and the limit at the top', () => {
    expect(points([0, 1], 1, 2)).toBe('0.0,26.5 100.0,2.5');
    expect(points([5], 1, 2)).toBe('100.0,2.5');
    expect(area('0.0,26.5 100.0,2.5')).toBe('0.0,28 0.0,26.5 100.0,2.5 100.0,28');
  });
});
