import { describe, expect, it } from 'vitest';

const sources = import.meta.glob<string>(
  ['../**/*.{svelte,css,ts}', '!./tokens.css', '!../ipc/**', '!../**/*.test.ts'],
  {
    query: '?raw',
    import: 'default',
    eager: true,
  },
);
const tokens = import.meta.glob<string>('./tokens.css', { query: '?raw', import: 'default', eager: true });

const COLOUR = /(?:[:\s(,'"`])(#[0-9a-f]{3,8}\b(?!-)|(?:rgb|hsl|oklch|lab|lch|hwb)a?\()/i;

function literalColours(source: string): string[] {
  return source.split('\n').filter((line) => COLOUR.test(line) && !line.includes('href='));
}

describe('tokens', () => {
  it('are the only place with literal colours', () => {
    // The probe finds them where they may be.
    expect(literalColours(Object.values(tokens)[0] ?? '').length).toBeGreaterThan(50);
    const found = Object.entries(sources).flatMap(([file, source]) =>
      literalColours(source).map((line) => `${file}: ${line.trim()}`),
    );
    expect(Object.keys(sources).length).toBeGreaterThan(40);
    expect(found).toEqual([]);
  });

  it('exist wherever one is used', () => {
    const defined = new Set([...(Object.values(tokens)[0] ?? '').matchAll(/(--[\w-]+)\s*:/g)].map((match) => match[1]));
    const missing = Object.entries(sources).flatMap(([file, source]) => {
      const own = new Set([...source.matchAll(/(?:style:)?(--[\w-]+)\s*[:=]/g)].map((match) => match[1]));
      return [...source.matchAll(/var\((--[\w-]+)\s*\)/g)]
        .map((match) => match[1])
        .filter((name) => !defined.has(name) && !own.has(name) && !name?.startsWith('--bits-'))
        .map((name) => `${file}: ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('no component is longer than 300 lines', () => {
    const long = Object.entries(sources)
      .filter(([file, source]) => file.endsWith('.svelte') && source.split('\n').length > 300)
      .map(([file]) => file);
    expect(long).toEqual([]);
  });
});
