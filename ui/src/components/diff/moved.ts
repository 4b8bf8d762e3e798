/** Blocks that were only moved: deleted in one place and added, the same but for spaces at their ends, in another. */
import type { DiffHunk } from '../../ipc';

/** Shorter blocks are chance: `}` and blank lines are everywhere. */
const LEAST_LINES = 3;
const LEAST_LETTERS = 20;
/** A line that occurs more often says nothing about where it came from. */
const MOST_PLACES = 16;
/** Beyond this many changed lines nothing is marked. */
const MOST_LINES = 50_000;

/** The line on the other side, by `hunk id:line` of both ends. */
export type Moved = ReadonlyMap<string, number>;

type Line = { key: string; text: string; number: number; run: number };

function changedLines(hunks: readonly DiffHunk[], kind: 'deleted' | 'added'): Line[] {
  const lines: Line[] = [];
  let run = 0;
  for (const hunk of hunks) {
    run += 1;
    hunk.lines.forEach((line, at) => {
      if (line.kind !== kind) run += 1;
      else {
        const number = (kind === 'deleted' ? line.old : line.new) ?? 0;
        lines.push({ key: `${hunk.id}:${at}`, text: line.text.trim(), number, run });
      }
    });
  }
  return lines;
}

function placesOf(lines: readonly Line[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  lines.forEach(({ text }, at) => {
    const known = places.get(text);
    if (known) known.push(at);
    else places.set(text, [at]);
  });
  return places;
}

/** How many lines are alike from here on, within one run on either side. */
function alike(from: readonly Line[], at: number, to: readonly Line[], other: number): number {
  let length = 0;
  for (;;) {
    const [a, b] = [from[at + length], to[other + length]];
    if (!a || !b || a.text !== b.text || a.run !== from[at]?.run || b.run !== to[other]?.run) return length;
    length += 1;
  }
}

export function movedLines(hunks: readonly DiffHunk[]): Moved {
  const [old, now] = [changedLines(hunks, 'deleted'), changedLines(hunks, 'added')];
  const moved = new Map<string, number>();
  if (old.length + now.length > MOST_LINES) return moved;
  const places = placesOf(old);
  for (let at = 0; at < now.length;) {
    const text = now[at]?.text ?? '';
    const some = text === '' ? [] : (places.get(text) ?? []);
    let best = { from: -1, length: 0 };
    for (const from of some.length > MOST_PLACES ? [] : some) {
      const length = alike(now, at, old, from);
      if (length > best.length && !moved.has(old[from]?.key ?? '')) best = { from, length };
    }
    const block = now.slice(at, at + best.length);
    const letters = block.reduce((sum, line) => sum + line.text.replace(/[^\p{L}\p{N}]/gu, '').length, 0);
    if (best.length < LEAST_LINES || letters < LEAST_LETTERS) {
      at += 1;
      continue;
    }
    block.forEach((line, within) => {
      const other = old[best.from + within];
      if (!other) return;
      moved.set(line.key, other.number);
      moved.set(other.key, line.number);
    });
    at += best.length;
  }
  return moved;
}
