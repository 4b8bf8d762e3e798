/** The timeline in words, and which two points are compared. */
import type { CompareSide, SnapshotRow } from '../../ipc';
import { count } from '../../words/count';
import { size } from '../../words/size';
import { clock, day } from '../../words/time';

export const NOW = 'now';
/** The user's own folder as it is now. */
export const PROJECT = 'project';

/** Up to two points, the one clicked last at the end. */
export type Picked = readonly string[];

export function titleOf(row: SnapshotRow): string {
  if (row.name) return row.name;
  return row.kind === 'baseline' ? 'Baseline' : row.kind === 'named' ? 'Snapshot' : 'Automatic snapshot';
}

export function kindOf(row: SnapshotRow): string {
  const kind = madeBy(row);
  return row.home === null ? kind : `${kind} · home folder ${size(row.home)}`;
}

function madeBy(row: SnapshotRow): string {
  switch (row.kind) {
    case 'baseline':
      return 'The project as handed over';
    case 'named':
      return row.name ? 'Named by you' : 'By you';
    case 'auto':
    case 'safety':
      return 'Automatic';
  }
}

/** What stands at the right: changed files, of a baseline all files. */
export function figureOf(row: SnapshotRow): string {
  return row.kind === 'baseline' ? count(row.changed, 'file') : `${row.changed} changed`;
}

/** In a list to choose from: `Before the reset, 14:42`; of another day with it. */
export function optionOf(row: SnapshotRow, now: number): string {
  const name = day(row.time, now);
  const when = name === 'Today' ? clock(row.time) : `${name}, ${clock(row.time)}`;
  return row.kind === 'named' && row.name ? row.name : `${titleOf(row)}, ${when}`;
}

/** A plain click compares with now; with Ctrl or Command a second point is added. */
export function pick(picked: Picked, id: string, second: boolean): Picked {
  if (!second) return [id];
  if (picked.includes(id)) return picked.length > 1 ? picked.filter((other) => other !== id) : picked;
  return [...picked.slice(-1), id];
}

export type Pair = { from: string; to: string; target: string | null };

/** The older point first. `target` is what *Put back* takes files from: the snapshot clicked last, never now. */
export function pairOf(picked: Picked, rows: readonly SnapshotRow[]): Pair | null {
  const isLive = (id: string): boolean => id === NOW || id === PROJECT;
  const known = picked.filter((id) => isLive(id) || rows.some((row) => row.id === id));
  const [one, other = NOW] = known;
  if (one === undefined) return null;
  // The workspace is what the agent made of the folder, so the folder stands before it.
  const place = (id: string): number =>
    id === NOW ? -2 : id === PROJECT ? -1 : rows.findIndex((row) => row.id === id);
  const [from, to] = place(one) > place(other) ? [one, other] : [other, one];
  const target = [...known].reverse().find((id) => !isLive(id)) ?? null;
  return { from, to, target };
}

export function sideOf(id: string): CompareSide {
  if (id === NOW) return { side: 'now' };
  return id === PROJECT ? { side: 'project' } : { side: 'snapshot', id };
}

export type TimelineRow = { kind: 'day'; label: string } | { kind: 'snapshot'; row: SnapshotRow };

/** Newest first, with a head before each day but the first. */
export function timelineRows(rows: readonly SnapshotRow[], now: number): TimelineRow[] {
  const out: TimelineRow[] = [];
  let last = rows[0] ? day(rows[0].time, now) : '';
  for (const row of rows) {
    const label = day(row.time, now);
    if (label !== last) out.push({ kind: 'day', label });
    last = label;
    out.push({ kind: 'snapshot', row });
  }
  return out;
}
