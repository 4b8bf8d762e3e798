/** A merge in pieces: what was chosen at each place, what text comes of it, and the three columns as rows. */
import type { MergePiece } from '../../ipc';

export type Choice =
  | { take: 'yours' }
  | { take: 'agents' }
  /** Yours first, then the agent's. */
  | { take: 'both' }
  | { take: 'typed'; lines: string[] };

/** One place where the sides differ. */
export type MergePlace = { piece: number; number: number; clean: boolean };

export function places(pieces: readonly MergePiece[]): MergePlace[] {
  const found: MergePlace[] = [];
  pieces.forEach((piece, at) => {
    if (piece.kind !== 'same') found.push({ piece: at, number: found.length + 1, clean: piece.kind === 'clean' });
  });
  return found;
}

/** Choices by piece; what merged cleanly is decided from the start. */
export type Choices = ReadonlyMap<number, Choice>;

export function startChoices(pieces: readonly MergePiece[]): Map<number, Choice> {
  const choices = new Map<number, Choice>();
  pieces.forEach((piece, at) => {
    if (piece.kind === 'clean') choices.set(at, { take: piece.from });
  });
  return choices;
}

/** The lines of one side at a piece. Where only the other side changed, this one is the baseline still. */
export function sideLines(piece: MergePiece, side: 'yours' | 'agents'): readonly string[] {
  if (piece.kind === 'same') return piece.lines;
  if (piece.kind === 'clean') return piece.from === side ? piece.lines : piece.base;
  return side === 'yours' ? piece.yours : piece.agents;
}

/** The lines a piece gives to the merge; an undecided one shows the baseline. */
export function mergedLines(piece: MergePiece, choice: Choice | undefined): readonly string[] {
  if (piece.kind === 'same') return piece.lines;
  if (!choice) return piece.base;
  if (choice.take === 'typed') return choice.lines;
  if (choice.take === 'both') return [...sideLines(piece, 'yours'), ...sideLines(piece, 'agents')];
  return sideLines(piece, choice.take);
}

export function undecided(pieces: readonly MergePiece[], choices: Choices): MergePlace[] {
  return places(pieces).filter((place) => !choices.has(place.piece));
}

/** The line end a text uses, and whether its last line has one. */
function endings(text: string | null): { end: string; last: boolean } {
  if (text === null) return { end: '\n', last: true };
  return { end: text.includes('\r\n') ? '\r\n' : '\n', last: text === '' || text.endsWith('\n') };
}

/** The whole merged text. Lines may come with their ends or without; ends of the user's own file win. */
export function mergedText(
  pieces: readonly MergePiece[],
  choices: Choices,
  yours: string | null,
  agents: string | null,
): string {
  const lines = pieces.flatMap((piece, at) => [...mergedLines(piece, choices.get(at))]);
  if (lines.length === 0) return '';
  const { end, last } = endings(yours ?? agents);
  const bare = lines.map((line) => line.replace(/\r?\n$/, ''));
  return bare.join(end) + (last ? end : '');
}

export type Cell = { number: number | null; text: string; mark: '' | '+' | '?'; tint: '' | 'changed' | 'conflict' };
export type MergeRow =
  | { kind: 'place'; place: MergePlace; piece: MergePiece; choice: Choice | undefined }
  | { kind: 'lines'; key: string; yours: Cell | null; agents: Cell | null; merged: Cell | null }
  | { kind: 'typing'; place: MergePlace }
  /** Unchanged lines that are folded away. */
  | { kind: 'fold'; piece: number; hidden: number };

type Numbers = { yours: number; agents: number; merged: number };

function tints(piece: MergePiece, choice: Choice | undefined): Record<'yours' | 'agents' | 'merged', Cell['tint']> {
  if (piece.kind === 'same') return { yours: '', agents: '', merged: '' };
  if (piece.kind === 'clean') {
    return {
      yours: piece.from === 'yours' ? 'changed' : '',
      agents: piece.from === 'agents' ? 'changed' : '',
      merged: 'changed',
    };
  }
  return choice
    ? { yours: 'changed', agents: 'changed', merged: 'changed' }
    : { yours: 'conflict', agents: 'conflict', merged: 'conflict' };
}

function cell(lines: readonly string[], at: number, number: number, tint: Cell['tint'], merged: boolean): Cell | null {
  const text = lines[at];
  if (text === undefined) return null;
  const mark = !merged || tint === '' ? '' : tint === 'conflict' ? '?' : '+';
  return { number, text: text.replace(/\r?\n$/, ''), mark, tint };
}

function pieceRows(
  piece: MergePiece,
  at: number,
  choice: Choice | undefined,
  typing: boolean,
  next: Numbers,
): MergeRow[] {
  const yours = sideLines(piece, 'yours');
  const agents = sideLines(piece, 'agents');
  const merged = typing ? [] : mergedLines(piece, choice);
  const tint = tints(piece, choice);
  const rows: MergeRow[] = [];
  for (let line = 0; line < Math.max(yours.length, agents.length, merged.length); line += 1) {
    rows.push({
      kind: 'lines',
      key: `${at}:${line}`,
      yours: cell(yours, line, next.yours + line, tint.yours, false),
      agents: cell(agents, line, next.agents + line, tint.agents, false),
      merged: cell(merged, line, next.merged + line, tint.merged, true),
    });
  }
  next.yours += yours.length;
  next.agents += agents.length;
  next.merged += merged.length;
  return rows;
}

/** So many unchanged lines stay beside a place; what is between is folded. */
const BESIDE = 12;

/** An unchanged piece with its middle folded, unless that was opened. */
function folded(rows: MergeRow[], piece: number, at: { first: boolean; last: boolean }): MergeRow[] {
  const head = at.first ? 0 : BESIDE;
  const tail = at.last ? 0 : BESIDE;
  const hidden = rows.length - head - tail;
  if (hidden <= BESIDE) return rows;
  return [...rows.slice(0, head), { kind: 'fold', piece, hidden }, ...rows.slice(rows.length - tail)];
}

/** The three columns, line beside line. `typing` is the piece whose merge is being typed, `open` are folds that were opened. */
export function mergeRows(
  pieces: readonly MergePiece[],
  choices: Choices,
  typing: number | null,
  open: ReadonlySet<number> = new Set(),
): MergeRow[] {
  const next: Numbers = { yours: 1, agents: 1, merged: 1 };
  const byPiece = new Map(places(pieces).map((place) => [place.piece, place]));
  return pieces.flatMap((piece, at) => {
    const choice = choices.get(at);
    const place = byPiece.get(at);
    const rows: MergeRow[] = place ? [{ kind: 'place', place, piece, choice }] : [];
    if (place && typing === at) rows.push({ kind: 'typing', place });
    const lines = pieceRows(piece, at, choice, typing === at, next);
    const ends = { first: at === 0, last: at === pieces.length - 1 };
    rows.push(...(piece.kind === 'same' && !open.has(at) ? folded(lines, at, ends) : lines));
    return rows;
  });
}

/** Words, runs of spaces, single signs; a time or a number with a point is one word. */
function wordsOf(line: string): string[] {
  return line.match(/[\p{L}\p{N}_]+(?:[:.][\p{L}\p{N}_]+)*|\s+|./gu) ?? [];
}

/** Longer lines are not compared word by word. */
const MOST_WORDS = 400;

/** Changed words of a line against its baseline; none where the two have little in common. */
export function changedWords(line: string, base: string | undefined): [number, number][] {
  if (base === undefined || base === line) return [];
  const now = wordsOf(line);
  const old = wordsOf(base);
  if (now.length > MOST_WORDS || old.length > MOST_WORDS) return [];
  const width = old.length + 1;
  const table = new Uint16Array((now.length + 1) * width);
  for (let a = now.length - 1; a >= 0; a -= 1)
    for (let b = old.length - 1; b >= 0; b -= 1)
      table[a * width + b] =
        now[a] === old[b]
          ? (table[(a + 1) * width + b + 1] ?? 0) + 1
          : Math.max(table[(a + 1) * width + b] ?? 0, table[a * width + b + 1] ?? 0);
  if ((table[0] ?? 0) < now.length / 3) return [];
  return rangesOf(now, old, table);
}

function rangesOf(now: string[], old: string[], table: Uint16Array): [number, number][] {
  const width = old.length + 1;
  const ranges: [number, number][] = [];
  let place = 0;
  for (let a = 0, b = 0; a < now.length;) {
    const length = now[a]?.length ?? 0;
    if (b < old.length && now[a] === old[b]) b += 1;
    else if (b < old.length && (table[(a + 1) * width + b] ?? 0) < (table[a * width + b + 1] ?? 0)) {
      b += 1;
      continue;
    } else {
      const last = ranges.at(-1);
      if (last && last[1] === place) last[1] = place + length;
      else ranges.push([place, place + length]);
    }
    place += length;
    a += 1;
  }
  return ranges;
}
