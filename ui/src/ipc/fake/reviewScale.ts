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

/** Names and lines such as an attacker would choose. */
export function hostileFiles(): FakeFile[] {
  const now =
    'const open = true;\n/* \u202e } \u2066if (admin)\u2069 \u2066 begin */\nconst name = "a\u200bb";\n\u001b[31mred\n';
  const file = (path: string, more: Partial<FakeFile> = {}): FakeFile => ({
    path,
    status: 'modified',
    old: 'const open = true;\n',
    now,
    decision: 'undecided',
    ...more,
  });
  return [
    file('in\u202egnp.ecivon\u202c.sh', {
      risks: [{ class: 'hidden_characters', reason: 'Its name holds a mark that turns text around.' }],
    }),
    file('two\nlines.txt', { status: 'added', old: null }),
    file('\u001b[31mred\u0007.md'),
    file('zero\u200bwidth.js'),
    file(`${'very-long-name-'.repeat(14)}end.txt`),
    file(`deep/${'folder/'.repeat(20)}file.txt`),
  ];
}
