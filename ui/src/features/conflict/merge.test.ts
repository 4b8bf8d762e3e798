import { describe, expect, it } from 'vitest';
import type { MergePiece } from '../../ipc';
import { changedWords, mergedText, mergeRows, places, startChoices, undecided } from './merge';

const pieces: MergePiece[] = [
  { kind: 'same', lines: ['{'] },
  { kind: 'clean', from: 'yours', lines: ['fri 19'], base: ['fri 18'] },
  { kind: 'conflict', yours: ['sat 12'], agents: ['sat 06', 'sat 14'], base: ['sat 13'] },
  { kind: 'clean', from: 'agents', lines: ['sun', 'holidays'], base: ['sun'] },
  { kind: 'same', lines: ['}'] },
];

describe('a merge', () => {
  it('starts with the clean places decided', () => {
    const choices = startChoices(pieces);
    expect(places(pieces)).toHaveLength(3);
    expect(undecided(pieces, choices).map((place) => place.number)).toEqual([2]);
  });

  it('shows the baseline where nothing is decided and takes what is chosen', () => {
    const choices = startChoices(pieces);
    expect(mergedText(pieces, choices, 'a\n', 'b\n')).toBe('{\nfri 19\nsat 13\nsun\nholidays\n}\n');
    choices.set(2, { take: 'both' });
    expect(mergedText(pieces, choices, 'a\n', 'b\n')).toContain('sat 12\nsat 06\nsat 14\n');
    choices.set(2, { take: 'typed', lines: [] });
    expect(mergedText(pieces, choices, 'a\n', 'b\n')).not.toContain('sat');
    expect(undecided(pieces, choices)).toHaveLength(0);
  });

  it('keeps the line ends of the user’s own file, and a missing last one', () => {
    const choices = startChoices(pieces);
    expect(mergedText(pieces, choices, 'a\r\nb', 'b\n')).toMatch(/^\{\r\n.*\}$/s);
  });

  it('lies in three columns, line beside line, each with its own numbers', () => {
    const rows = mergeRows(pieces, startChoices(pieces), null);
    const lines = rows.filter((row) => row.kind === 'lines');
    expect(rows.filter((row) => row.kind === 'place')).toHaveLength(3);
    expect(lines.at(-1)).toMatchObject({ yours: { number: 5 }, agents: { number: 7 }, merged: { number: 6 } });
    expect(lines.find((row) => row.kind === 'lines' && row.key === '2:0')).toMatchObject({
      merged: { mark: '?', tint: 'conflict' },
    });
  });

  it('marks the changed stretch of a line', () => {
    expect(changedWords('"open": "06:30", "close": "14:00"', '"open": "07:00", "close": "13:00"')).toEqual([
      [9, 14],
      [27, 32],
    ]);
    expect(changedWords('same', 'same')).toEqual([]);
    expect(changedWords('entirely', 'different')).toEqual([]);
  });

  it('folds long unchanged stretches and counts on behind them', () => {
    const long: MergePiece[] = [
      { kind: 'same', lines: Array.from({ length: 1000 }, (_, at) => `line ${at}`) },
      { kind: 'conflict', yours: ['a'], agents: ['b'], base: [] },
      { kind: 'same', lines: ['end'] },
    ];
    const rows = mergeRows(long, startChoices(long), null);
    expect(rows[0]).toMatchObject({ kind: 'fold', hidden: 988 });
    expect(rows.at(-1)).toMatchObject({ yours: { number: 1002 } });
    expect(mergeRows(long, startChoices(long), null, new Set([0]))).toHaveLength(1003);
  });
});
