import { describe, expect, it } from 'vitest';
import type { SnapshotRow } from '../../ipc';
import { kindOf, NOW, optionOf, pairOf, PROJECT, pick, timelineRows, titleOf } from './timeline';

const at = new Date(2026, 10, 24, 15, 0).getTime();
function row(id: string, hoursAgo: number, more: Partial<SnapshotRow> = {}): SnapshotRow {
  return { id, kind: 'auto', name: null, time: at - hoursAgo * 3_600_000, changed: 2, bytes: 10, home: null, ...more };
}
const rows = [
  row('c', 1, { name: 'Before the reset' }),
  row('b', 2, { kind: 'named', name: 'Works' }),
  row('a', 30, { kind: 'baseline' }),
];

describe('the points that are compared', () => {
  it('are one and now after a click, two after a click with Ctrl', () => {
    expect(pick([], 'b', false)).toEqual(['b']);
    expect(pick(['b'], 'c', true)).toEqual(['b', 'c']);
    expect(pick(['b', 'c'], 'a', true)).toEqual(['c', 'a']);
    expect(pick(['b', 'c'], 'b', true)).toEqual(['c']);
    expect(pick(['b'], 'b', true)).toEqual(['b']);
  });

  it('stand in order of time, whichever was clicked first', () => {
    expect(pairOf(['b'], rows)).toEqual({ from: 'b', to: NOW, target: 'b' });
    expect(pairOf(['b', 'c'], rows)).toEqual({ from: 'b', to: 'c', target: 'c' });
    expect(pairOf(['c', 'b'], rows)).toEqual({ from: 'b', to: 'c', target: 'b' });
  });

  it('are gone with their snapshot', () => {
    expect(pairOf([PROJECT, 'b'], rows)).toEqual({ from: 'b', to: PROJECT, target: 'b' });
    expect(pairOf([NOW, PROJECT], rows), 'what the agent made of the folder').toEqual({
      from: PROJECT,
      to: NOW,
      target: null,
    });
    expect(pairOf(['x'], rows)).toBeNull();
    expect(pairOf([], rows)).toBeNull();
  });
});

describe('the timeline', () => {
  it('has a head before each day but the first', () => {
    expect(timelineRows(rows, at).map((one) => (one.kind === 'day' ? one.label : one.row.id))).toEqual([
      'c',
      'b',
      'Yesterday',
      'a',
    ]);
  });

  it('calls a snapshot what it is', () => {
    expect(titleOf(rows[2] as SnapshotRow)).toBe('Baseline');
    expect(kindOf(rows[1] as SnapshotRow)).toBe('Named by you');
    expect(kindOf(row('d', 1, { home: 214 * 2 ** 20 }))).toBe('Automatic · home folder 214 MB');
    expect(optionOf(rows[1] as SnapshotRow, at)).toBe('Works');
    expect(optionOf(rows[0] as SnapshotRow, at)).toBe('Before the reset, 14:00');
    expect(optionOf(rows[2] as SnapshotRow, at)).toBe('Baseline, Yesterday, 09:00');
  });
});
