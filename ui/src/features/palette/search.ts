/** What the palette finds: every word somewhere, better where words begin, with the places to mark. */
export type Found<T> = { item: T; score: number; marks: [number, number][] };

/** Where the words of the query are in a text; null when one is missing. */
export function marksOf(text: string, query: string): { marks: [number, number][]; score: number } | null {
  const lower = text.toLowerCase();
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const marks: [number, number][] = [];
  let score = 0;
  for (const word of words) {
    const at = bestPlace(lower, word);
    if (at < 0) return null;
    marks.push([at, at + word.length]);
    score += at === 0 ? 4 : beginsWord(lower, at) ? 3 : 1;
  }
  return { marks: merged(marks), score: score - text.length / 1000 };
}

function beginsWord(text: string, at: number): boolean {
  return at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1] ?? '');
}

function bestPlace(text: string, word: string): number {
  let first = -1;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (beginsWord(text, at)) return at;
    if (first < 0) first = at;
  }
  return first;
}

function merged(marks: [number, number][]): [number, number][] {
  const out: [number, number][] = [];
  for (const [from, to] of [...marks].sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}

/** Items that pass, best first; equal ones in the order they came. */
export function search<T>(items: readonly T[], text: (item: T) => string, query: string): Found<T>[] {
  const found = items.flatMap((item, at) => {
    const hit = marksOf(text(item), query);
    return hit ? [{ item, at, ...hit }] : [];
  });
  return query.trim() ? found.sort((a, b) => b.score - a.score || a.at - b.at) : found;
}

/** A text in pieces, marked or not. */
export function pieces(text: string, marks: readonly [number, number][]): { text: string; marked: boolean }[] {
  const out: { text: string; marked: boolean }[] = [];
  let at = 0;
  for (const [from, to] of marks) {
    if (from > at) out.push({ text: text.slice(at, from), marked: false });
    out.push({ text: text.slice(from, to), marked: true });
    at = to;
  }
  if (at < text.length) out.push({ text: text.slice(at), marked: false });
  return out;
}
