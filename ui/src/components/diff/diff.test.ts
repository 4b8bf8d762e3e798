import { describe, expect, it } from 'vitest';
import type { DiffHunk, DiffLine, LineKind } from '../../ipc';
import { Heights } from './heights';
import { diffRows, gapAfter, gapBefore, headRows, pairLines, type RowsInput } from './rows';
import { segments, wrapIndent } from './segments';
import { dragTo, holds } from './selection';

function line(kind: LineKind, old: number | null, now: number | null, text = 'x'): DiffLine {
  return { kind, old, new: now, text, words: [], accepted: true, no_newline: false, cut: null };
}

function hunk(id: string, start: number, kinds: LineKind[]): DiffHunk {
  let old = start;
  let now = start;
  const lines = kinds.map((kind) =>
    kind === 'context'
      ? line(kind, old++, now++)
      : kind === 'deleted'
        ? line(kind, old++, null)
        : line(kind, null, now++),
  );
  return {
    id,
    old_start: start,
    old_lines: old - start,
    new_start: start,
    new_lines: now - start,
    heading: '',
    lines,
    decision: 'undecided',
  };
}

describe('rows of a diff', () => {
  const hunks = [hunk('a', 6, ['context', 'deleted', 'added', 'context']), hunk('b', 20, ['added'])];
  const input: RowsInput = {
    hunks,
    newTotal: 30,
    moreHunks: 0,
    mode: 'unified',
    unfolded: new Map(),
    commented: new Set(),
    composer: null,
  };

  it('say how many unchanged lines are folded before, between and after', () => {
    expect(gapBefore(hunks, 0)).toEqual({ newFrom: 1, count: 5 });
    expect(gapBefore(hunks, 1)).toEqual({ newFrom: 9, count: 11 });
    expect(gapAfter(hunks, 30)).toEqual({ newFrom: 21, count: 10 });
  });

  it('come in order with a head for each hunk and a fold at the end', () => {
    const rows = diffRows(input);
    expect(rows.map((row) => row.kind)).toEqual(['head', 'line', 'line', 'line', 'line', 'head', 'line', 'tail']);
    expect(headRows(rows)).toEqual([0, 5]);
  });

  it('show unfolded lines and hide nothing then', () => {
    const lines = Array.from({ length: 11 }, (_, at) => line('context', at + 9, at + 9));
    const rows = diffRows({ ...input, unfolded: new Map([['b', { lines }]]) });
    expect(rows.filter((row) => row.kind === 'same')).toHaveLength(11);
    expect(rows.find((row) => row.kind === 'head' && row.hunk === 1)).toMatchObject({ hidden: 0 });
  });

  it('pair deleted with added lines side by side', () => {
    const lines = hunk('c', 1, ['context', 'deleted', 'deleted', 'added', 'context']).lines;
    expect(pairLines(lines)).toEqual([
      { left: 0, right: 0 },
      { left: 1, right: 3 },
      { left: 2, right: null },
      { left: 4, right: 4 },
    ]);
  });

  it('put comments and the composer below their line, in both modes', () => {
    for (const mode of ['unified', 'split'] as const) {
      const rows = diffRows({ ...input, mode, commented: new Set(['a:2']), composer: { hunk: 0, line: 2 } });
      const at = rows.findIndex((row) => row.kind === 'comments');
      expect(rows[at + 1]?.kind).toBe('composer');
      expect(['line', 'pair']).toContain(rows[at - 1]?.kind);
    }
  });

  it('say that more hunks are to come instead of a false end', () => {
    expect(diffRows({ ...input, moreHunks: 7 }).at(-1)).toMatchObject({ kind: 'more', hunks: 7 });
  });

  it('are made in time for 200,000 lines', () => {
    const many = Array.from({ length: 10000 }, (_, at) =>
      hunk(
        `h${at}`,
        at * 30 + 1,
        Array.from({ length: 20 }, () => 'added'),
      ),
    );
    const start = performance.now();
    expect(diffRows({ ...input, hunks: many, newTotal: 300000 }).length).toBeGreaterThan(200000);
    expect(performance.now() - start, 'milliseconds').toBeLessThan(1500);
  });
});

describe('heights', () => {
  it('find rows by place and places by row, also after a change', () => {
    const heights = new Heights(Float64Array.from({ length: 1000 }, () => 20));
    expect(heights.total).toBe(20000);
    expect(heights.at(0)).toBe(0);
    expect(heights.at(19.9)).toBe(0);
    expect(heights.at(20)).toBe(1);
    expect(heights.set(10, 100)).toBe(true);
    expect(heights.set(10, 100.2)).toBe(false);
    expect(heights.offset(10)).toBe(200);
    expect(heights.offset(11)).toBe(300);
    expect(heights.at(299)).toBe(10);
    expect(heights.at(1e9)).toBe(999);
  });

  it('live with nothing at all', () => {
    expect(new Heights(new Float64Array()).total).toBe(0);
    expect(new Heights(new Float64Array()).at(5)).toBe(0);
  });
});

describe('a line of code', () => {
  it('is cut where colours and changed words meet', () => {
    const cut = segments('let ab', [[4, 5]], [{ from: 0, to: 3, role: 'keyword' }], false);
    expect(cut.map((one) => [one.text, one.role, one.changed])).toEqual([
      ['let', 'keyword', false],
      [' ', '', false],
      ['a', '', true],
      ['b', '', false],
    ]);
  });

  it('shows characters that hide or turn text by their names', () => {
    const cut = segments('a\u202eb\u0007\u{e0041}', [], [], false);
    expect(cut.filter((one) => one.hidden).map((one) => one.text)).toEqual(['[RLO]', '␇', '[U+E0041]']);
  });

  it('leaves tabs, ligatures of emoji and accents alone', () => {
    expect(segments('\té 語 😀', [], [], false)).toHaveLength(1);
  });

  it('shows spaces where asked', () => {
    expect(segments('a b', [], [], true)[1]).toMatchObject({ text: '·', space: true });
  });

  it('is set in by its own indent when it wraps', () => {
    expect(wrapIndent('    x')).toBe(6);
    expect(wrapIndent('\tx')).toBe(6);
    expect(wrapIndent('')).toBe(2);
  });
});

describe('a selection', () => {
  it('goes up or down and stays in its hunk', () => {
    expect(dragTo({ hunk: 1, line: 4 }, 1, 2, 9)).toEqual({ hunk: 1, from: 2, to: 4 });
    expect(dragTo({ hunk: 1, line: 4 }, 3, 2, 9)).toEqual({ hunk: 1, from: 4, to: 9 });
    expect(dragTo({ hunk: 1, line: 4 }, 0, 2, 9)).toEqual({ hunk: 1, from: 0, to: 4 });
    expect(holds({ hunk: 1, from: 2, to: 4 }, 1, 3)).toBe(true);
    expect(holds(null, 1, 3)).toBe(false);
  });
});
