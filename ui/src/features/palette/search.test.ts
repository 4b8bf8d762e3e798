import { describe, expect, it } from 'vitest';
import { marksOf, pieces, search } from './search';

describe('the palette', () => {
  it('finds every word, and beginnings of words first', () => {
    const found = search(['images/ginger-snaps.jpg', 'Resnap', 'Take a snapshot', 'Snapshots'], (one) => one, 'snap');
    expect(found.map((one) => one.item)).toEqual(['Snapshots', 'Take a snapshot', 'images/ginger-snaps.jpg', 'Resnap']);
    expect(search(['Settings: Snapshots', 'Snapshots'], (one) => one, 'snap sett').map((one) => one.item)).toEqual([
      'Settings: Snapshots',
    ]);
  });

  it('keeps the order while nothing is typed', () => {
    expect(search(['b', 'a'], (one) => one, ' ').map((one) => one.item)).toEqual(['b', 'a']);
  });

  it('marks what was found, once where words overlap', () => {
    expect(marksOf('Snapshots', 'snap snapsh')?.marks).toEqual([[0, 6]]);
    expect(pieces('Take a snapshot', [[7, 11]])).toEqual([
      { text: 'Take a ', marked: false },
      { text: 'snap', marked: true },
      { text: 'shot', marked: false },
    ]);
  });
});
