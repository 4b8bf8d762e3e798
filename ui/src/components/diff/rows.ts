/** A text diff as rows, one after the other: heads, folds, lines, pairs of lines, comments. Pure, so that it can be tested. */
import type { DiffHunk, DiffLine } from '../../ipc';

export type Mode = 'unified' | 'split';

/** Lines that are the same on both sides and were unfolded above a hunk, or (`hunk` = count of hunks) below the last. */
export type Unfolded = { lines: readonly DiffLine[] };

export type Place = { hunk: number; line: number };
export type Row =
  | { kind: 'head'; key: string; hunk: number; hidden: number }
  | { kind: 'line'; key: string; hunk: number; line: number }
  | { kind: 'pair'; key: string; hunk: number; left: number | null; right: number | null }
  | { kind: 'same'; key: string; hunk: number; line: number; text: DiffLine }
  | { kind: 'tail'; key: string; hidden: number }
  | { kind: 'comments'; key: string; hunk: number; line: number }
  | { kind: 'composer'; key: string; hunk: number; line: number }
  | { kind: 'more'; key: string; hunks: number };

export type RowsInput = {
  hunks: readonly DiffHunk[];
  newTotal: number;
  moreHunks: number;
  mode: Mode;
  unfolded: ReadonlyMap<string, Unfolded>;
  /** Lines with comments below them, as `hunk id:line`. */
  commented: ReadonlySet<string>;
  composer: Place | null;
};

/** The unchanged lines between a hunk and the one before it: where they start on the new side, and how many. */
export function gapBefore(hunks: readonly DiffHunk[], at: number): { newFrom: number; count: number } {
  const hunk = hunks[at];
  const before = at > 0 ? hunks[at - 1] : undefined;
  if (!hunk) return { newFrom: 1, count: 0 };
  const from = before ? endOf(before) : 1;
  return { newFrom: from, count: Math.max(0, startOf(hunk) - from) };
}

/** The first line a hunk takes up on the new side. Git counts an empty side from the line before it. */
function startOf(hunk: DiffHunk): number {
  return hunk.new_lines === 0 ? hunk.new_start + 1 : hunk.new_start;
}

function endOf(hunk: DiffHunk): number {
  return startOf(hunk) + hunk.new_lines;
}

/** The unchanged lines after the last hunk. */
export function gapAfter(hunks: readonly DiffHunk[], newTotal: number): { newFrom: number; count: number } {
  const last = hunks.at(-1);
  if (!last) return { newFrom: 1, count: 0 };
  const from = endOf(last);
  return { newFrom: from, count: Math.max(0, newTotal - from + 1) };
}

/** Deleted and added lines of a run side by side, the rest on both sides. */
export function pairLines(lines: readonly DiffLine[]): { left: number | null; right: number | null }[] {
  const pairs: { left: number | null; right: number | null }[] = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at]?.kind === 'context') {
      pairs.push({ left: at, right: at });
      at += 1;
      continue;
    }
    const left: number[] = [];
    const right: number[] = [];
    while (at < lines.length && lines[at]?.kind !== 'context') {
      (lines[at]?.kind === 'deleted' ? left : right).push(at);
      at += 1;
    }
    for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
      pairs.push({ left: left[i] ?? null, right: right[i] ?? null });
    }
  }
  return pairs;
}

function pushBelow(rows: Row[], input: RowsInput, hunk: DiffHunk, at: number, line: number): void {
  if (input.commented.has(`${hunk.id}:${line}`)) {
    rows.push({ kind: 'comments', key: `${hunk.id}:c${line}`, hunk: at, line });
  }
  if (input.composer?.hunk === at && input.composer.line === line) {
    rows.push({ kind: 'composer', key: `${hunk.id}:w`, hunk: at, line });
  }
}

function pushSame(rows: Row[], key: string, at: number, unfolded: Unfolded | undefined): void {
  unfolded?.lines.forEach((text, line) => rows.push({ kind: 'same', key: `${key}:s${line}`, hunk: at, line, text }));
}

/** Every row of the diff as it is loaded so far. */
export function diffRows(input: RowsInput): Row[] {
  const rows: Row[] = [];
  input.hunks.forEach((hunk, at) => {
    const unfolded = input.unfolded.get(hunk.id);
    const hidden = Math.max(0, gapBefore(input.hunks, at).count - (unfolded?.lines.length ?? 0));
    rows.push({ kind: 'head', key: hunk.id, hunk: at, hidden });
    pushSame(rows, hunk.id, at, unfolded);
    if (input.mode === 'unified') {
      for (let line = 0; line < hunk.lines.length; line += 1) {
        rows.push({ kind: 'line', key: `${hunk.id}:${line}`, hunk: at, line });
        pushBelow(rows, input, hunk, at, line);
      }
    } else {
      pairLines(hunk.lines).forEach(({ left, right }, pair) => {
        rows.push({ kind: 'pair', key: `${hunk.id}:p${pair}`, hunk: at, left, right });
        if (left !== null && left !== right) pushBelow(rows, input, hunk, at, left);
        if (right !== null) pushBelow(rows, input, hunk, at, right);
      });
    }
  });
  if (input.moreHunks > 0) rows.push({ kind: 'more', key: 'more', hunks: input.moreHunks });
  else pushTail(rows, input);
  return rows;
}

function pushTail(rows: Row[], input: RowsInput): void {
  const gap = gapAfter(input.hunks, input.newTotal);
  const unfolded = input.unfolded.get('tail');
  pushSame(rows, 'tail', input.hunks.length, unfolded);
  const hidden = gap.count - (unfolded?.lines.length ?? 0);
  if (hidden > 0) rows.push({ kind: 'tail', key: 'tail', hidden });
}

/** Where each hunk's head is among the rows. */
export function headRows(rows: readonly Row[]): number[] {
  const heads: number[] = [];
  rows.forEach((row, at) => {
    if (row.kind === 'head') heads.push(at);
  });
  return heads;
}

/** A height to start from, in rem; wrapped lines and comments are measured once they are seen. */
export function guessHeight(row: Row): number {
  switch (row.kind) {
    case 'head':
    case 'tail':
    case 'more':
      return 2;
    case 'comments':
      return 5;
    case 'composer':
      return 9.5;
    default:
      return 1.25;
  }
}
