/** Lines chosen by dragging over their numbers: always in one hunk, whichever way one drags. */
export type Selection = { hunk: number; from: number; to: number };

export function startSelection(hunk: number, line: number): Selection {
  return { hunk, from: line, to: line };
}

/** Where a drag has come to; a place in another hunk ends at this hunk's edge. */
export function dragTo(
  anchor: { hunk: number; line: number },
  hunk: number,
  line: number,
  lastLine: number,
): Selection {
  const end = hunk < anchor.hunk ? 0 : hunk > anchor.hunk ? lastLine : line;
  return { hunk: anchor.hunk, from: Math.min(anchor.line, end), to: Math.max(anchor.line, end) };
}

export function holds(selection: Selection | null, hunk: number, line: number): boolean {
  return selection !== null && selection.hunk === hunk && line >= selection.from && line <= selection.to;
}

/** Which border of the selection a line draws. */
export function edgeOf(
  selection: Selection | null,
  hunk: number,
  line: number,
): '' | 'one' | 'first' | 'middle' | 'last' {
  if (!selection || !holds(selection, hunk, line)) return '';
  if (selection.from === selection.to) return 'one';
  return line === selection.from ? 'first' : line === selection.to ? 'last' : 'middle';
}
