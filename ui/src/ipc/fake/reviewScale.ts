/** Very large reviews for the made-up backend. */
import type { DiffHunk, DiffLine } from '../index';
import type { FakeFile } from './reviewTexts';

export const hugeHunks = 10_000;
export const hugeLines = 300_000;

/** A hunk of a file of 200,000 changed lines, made when asked for. */
export function hugeHunk(at: number): DiffHunk {
  const start = at * 30 + 1;
  const lines: DiffLine[] = Array.from({ length: 20 }, (_, line) => {
    const deleted = line < 10;
    const number = start + (line % 10);
    return {
      kind: deleted ? 'deleted' : 'added',
      old: deleted ? number : null,
      new: deleted ? null : number,
      text: `${number},"rye loaf",${deleted ? 340 + (at % 40) : 360 + (at % 40)},2026-11-${String((at % 28) + 1).padStart(2, '0')}`,
      words: [],
      accepted: true,
      no_newline: false,
      cut: null,
    };
  });
  return {
    id: `huge${at}`,
    old_start: start,
    old_lines: 10,
    new_start: start,
    new_lines: 10,
    heading: '',
    lines,
    decision: 'undecided',
  };
}

export function manyFiles(count: number): FakeFile[] {
  return Array.from({ length: count }, (_, at) => ({
    path: `src/part${String(at % 50).padStart(2, '0')}/module${at % 11}/file${at}.ts`,
    status: at % 9 === 0 ? ('added' as const) : ('modified' as const),
    old: at % 9 === 0 ? null : `export const n = ${at};\n`,
    now: `export const n = ${at + 1};\nexport const m = n;\n`,
    decision: 'undecided' as const,
  }));
}
