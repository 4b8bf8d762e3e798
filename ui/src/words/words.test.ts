import { describe, expect, it } from 'vitest';
import { count, short } from './count';
import { asWireError, detailsText } from './errors';
import { hasHidden, pieces, shown } from './hidden';
import { initials, pathKey, shortened, withHome } from './path';
import { cores, rate, size } from './size';
import { ago, left } from './time';

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [412, '412 B'],
    [96 * 1024, '96 KB'],
    [1023, '1 KB'],
    [5.8 * 1024 ** 2, '5.8 MB'],
    [328 * 1024 ** 2, '328 MB'],
    [4 * 1024 ** 3, '4 GB'],
    [1.1 * 1024 ** 3, '1.1 GB'],
    [-1, '–'],
  ])('%d is %s', (bytes, text) => expect(size(bytes)).toBe(text));

  it('rates and cores', () => {
    expect(rate(220 * 1024)).toBe('220 KB/s');
    expect(cores(4000)).toBe('4');
    expect(cores(1500)).toBe('1.5');
  });
});

describe('times', () => {
  const now = new Date(2026, 10, 24, 15, 0).getTime();
  it.each([
    [10_000, 'just now'],
    [180_000, '3 min ago'],
    [2 * 3_600_000, '2 h ago'],
    [26 * 3_600_000, 'yesterday'],
    [4 * 86_400_000, '4 days ago'],
  ])('%d ms before is %s', (past, text) => expect(ago(now - past, now)).toBe(text));

  it('time left', () => {
    expect(left(4)).toBe('a few seconds left');
    expect(left(42)).toBe('about 50 s left');
    expect(left(130)).toBe('about 2 min left');
  });
});

describe('paths', () => {
  it('shows the home folder as ~, and only that', () => {
    expect(withHome('/home/mira/Sites', '/home/mira')).toBe('~/Sites');
    expect(withHome('/home/mirabel/Sites', '/home/mira')).toBe('/home/mirabel/Sites');
    expect(withHome('/home/mira', '/home/mira')).toBe('~');
  });

  it('cuts in the middle and never inside a letter', () => {
    const cut = shortened(`~/${'😀'.repeat(60)}/end.txt`, 20);
    expect([...cut]).toHaveLength(20);
    expect(cut.endsWith('/end.txt')).toBe(true);
  });

  it('initials', () => {
    expect(initials('rye-and-salt')).toBe('RA');
    expect(initials('notes')).toBe('NO');
    expect(initials('rye-and-salt-2')).toBe('R2');
    expect(initials('---')).toBe('?');
  });

  it('tells apart names that only look the same', () => {
    expect(pathKey({ text: 'a\ufffd', raw: 'Yf8=' })).not.toBe(pathKey({ text: 'a\ufffd', raw: 'Yf4=' }));
  });
});

describe('hidden characters', () => {
  it('leaves ordinary names as they are', () => {
    expect(hasHidden('Über-Größe 日本語.txt')).toBe(false);
    expect(pieces('a b')).toEqual([{ text: 'a b', hidden: false }]);
  });

  it('shows what turns or hides text', () => {
    expect(shown('in\u202evoice.exe')).toBe('in[RLO]voice.exe');
    expect(shown('two\nlines')).toBe('two␊lines');
    expect(shown('\u001b[31m')).toBe('␛[31m');
    expect(shown('a\u200bb')).toBe('a[ZWSP]b');
  });
});

describe('errors', () => {
  it('takes a wire error as it is and wraps anything else', () => {
    const error = { code: 'disk_full', message: 'No space.' };
    expect(asWireError(error)).toBe(error);
    expect(asWireError(new Error('x'))).toMatchObject({ code: 'internal', details: 'x' });
    expect(asWireError({ code: 'made_up', message: 'x' })).toMatchObject({ code: 'internal' });
  });

  it('details have the code', () => {
    expect(detailsText({ code: 'io', message: 'm', details: 'd' })).toContain('Code: io\nd');
  });
});

it('says large numbers short', () => {
  expect([999, 5000, 12_345, 999_499, 999_500, 1_250_000].map(short)).toEqual([
    '999',
    '5k',
    '12k',
    '999k',
    '1M',
    '1.3M',
  ]);
});

it('counts with the noun', () => {
  expect(count(1, 'file')).toBe('1 file');
  expect(count(6470, 'file')).toBe('6,470 files');
});
