/** A small line diff for the made-up backend; the real one is made in Rust. */
import type { Decision, DiffHunk, DiffLine } from '../index';

type Step = { kind: DiffLine['kind']; old: number; now: number };

function split(text: string | null): string[] {
  if (!text) return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

/** Longest common subsequence by a table; texts here are short. */
function steps(old: string[], now: string[]): Step[] {
  const width = now.length + 1;
  const table = new Uint16Array((old.length + 1) * width);
  for (let a = old.length - 1; a >= 0; a -= 1) {
    for (let b = now.length - 1; b >= 0; b -= 1) {
      const below = table[(a + 1) * width + b] ?? 0;
      const right = table[a * width + b + 1] ?? 0;
      table[a * width + b] = old[a] === now[b] ? (table[(a + 1) * width + b + 1] ?? 0) + 1 : Math.max(below, right);
    }
  }
  const found: Step[] = [];
  let a = 0;
  let b = 0;
  while (a < old.length || b < now.length) {
    const below = a < old.length ? (table[(a + 1) * width + b] ?? 0) : -1;
    const right = b < now.length ? (table[a * width + b + 1] ?? 0) : -1;
    if (a < old.length && b < now.length && old[a] === now[b]) found.push({ kind: 'context', old: a++, now: b++ });
    else if (below >= right) found.push({ kind: 'deleted', old: a++, now: b });
    else found.push({ kind: 'added', old: a, now: b++ });
  }
  return found;
}

function wordRange(line: string, other: string): [number, number][] {
  const parts = (text: string) => text.match(/\w+|\s+|./gu) ?? [];
  const here = parts(line);
  const there = parts(other);
  let from = 0;
  while (from < Math.min(here.length, there.length) && here[from] === there[from]) from += 1;
  let end = 0;
  while (end < Math.min(here.length, there.length) - from && here.at(-1 - end) === there.at(-1 - end)) end += 1;
  const start = here.slice(0, from).join('').length;
  const stop = here.slice(0, here.length - end).join('').length;
  return start < stop && start + (line.length - stop) > 4 ? [[start, stop]] : [];
}

function markWords(lines: DiffLine[]): void {
  for (let at = 0; at < lines.length;) {
    const gone: DiffLine[] = [];
    const came: DiffLine[] = [];
    for (; lines[at]?.kind === 'deleted'; at += 1) gone.push(lines[at] as DiffLine);
    for (; lines[at]?.kind === 'added'; at += 1) came.push(lines[at] as DiffLine);
    for (let pair = 0; pair < Math.min(gone.length, came.length); pair += 1) {
      const [before, after] = [gone[pair] as DiffLine, came[pair] as DiffLine];
      before.words = wordRange(before.text, after.text);
      after.words = wordRange(after.text, before.text);
    }
    if (gone.length + came.length === 0) at += 1;
  }
}

function heading(old: string[], before: number): string {
  for (let at = before; at >= 0; at -= 1)
    if (/^[\w.#@<]/.test(old[at] ?? '')) return (old[at] ?? '').replace(/\s*\{$/, '');
  return '';
}

export function diffLines(
  oldText: string | null,
  nowText: string | null,
  context: number,
  decisions: Decision[],
): DiffHunk[] {
  const old = split(oldText);
  const now = split(nowText);
  const all = steps(old, now);
  const shown = new Set<number>();
  all.forEach((step, at) => {
    if (step.kind !== 'context') for (let near = at - context; near <= at + context; near += 1) shown.add(near);
  });
  const hunks: DiffHunk[] = [];
  for (let at = 0; at < all.length; at += 1) {
    if (!shown.has(at)) continue;
    const from = at;
    while (at + 1 < all.length && shown.has(at + 1)) at += 1;
    const part = all.slice(from, at + 1);
    const decision = decisions[hunks.length] ?? decisions.at(-1) ?? 'undecided';
    hunks.push(toHunk(part, old, now, hunks.length, decision));
  }
  return hunks;
}

function toHunk(part: Step[], old: string[], now: string[], id: number, decision: Decision): DiffHunk {
  const lines = part.map(({ kind, old: a, now: b }): DiffLine => ({
    kind,
    old: kind === 'added' ? null : a + 1,
    new: kind === 'deleted' ? null : b + 1,
    text: (kind === 'added' ? now[b] : old[a]) ?? '',
    words: [],
    accepted: decision !== 'rejected',
    no_newline: false,
    cut: null,
  }));
  markWords(lines);
  const oldLines = lines.filter((line) => line.old !== null).length;
  const newLines = lines.filter((line) => line.new !== null).length;
  return {
    id: `h${id}`,
    old_start: (part[0]?.old ?? 0) + (oldLines > 0 ? 1 : 0),
    old_lines: oldLines,
    new_start: (part[0]?.now ?? 0) + (newLines > 0 ? 1 : 0),
    new_lines: newLines,
    heading: heading(old, part[0]?.old ? part[0].old - 1 : -1),
    lines,
    decision,
  };
}
