import { describe, expect, it } from 'vitest';
import type { DiffHunk, DiffLine, LineKind, Review, ReviewFile } from '../../ipc';
import { asMarkdown, asPaste, newComment } from './comments';
import { decideHunks, footer, sumDecisions, tickOfAll } from './decisions';
import { filterCounts, filterFiles, noFilters } from './filter';
import { compareNames, treeOrder, treeRows } from './tree';

function file(path: string, more: Partial<ReviewFile> = {}): ReviewFile {
  return {
    path: { text: path },
    status: 'modified',
    kind: 'file',
    binary: false,
    additions: 1,
    deletions: 1,
    old_size: 10,
    new_size: 10,
    risks: [],
    refused: null,
    conflict: false,
    merges_cleanly: false,
    torn: false,
    decision: 'undecided',
    viewed: false,
    comments: 0,
    ...more,
  };
}

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

const risk = [{ class: 'runs_by_itself' as const, reason: 'Runs.' }];

describe('the tree', () => {
  it('shows folders first, chains of folders on one row, files after', () => {
    const rows = treeRows(
      [file('b.txt'), file('src/deep/one/a.ts'), file('A.txt'), file('src/deep/one/b.ts')],
      new Set(),
    );
    expect(rows.map((row) => `${row.depth} ${row.label}`)).toEqual([
      '0 src/deep/one',
      '1 a.ts',
      '1 b.ts',
      '0 A.txt',
      '0 b.txt',
    ]);
  });

  it('hides what is below a closed folder, but keeps the order of all files for the keys', () => {
    const files = [file('js/b.js'), file('js/a.js'), file('z.js')];
    expect(treeRows(files, new Set(['js'])).map((row) => row.label)).toEqual(['js', 'z.js']);
    expect(treeOrder(files).map((one) => one.path.text)).toEqual(['js/a.js', 'js/b.js', 'z.js']);
  });

  it('sorts numbers as numbers and never calls two names the same', () => {
    expect(['f10', 'f9', 'F9'].sort(compareNames)).toEqual(['F9', 'f9', 'f10']);
  });

  it('is quick with 5,000 files', () => {
    const files = Array.from({ length: 5000 }, (_, at) => file(`dir${at % 97}/sub${at % 7}/file${at}.ts`));
    const start = performance.now();
    expect(treeOrder(files)).toHaveLength(5000);
    expect(performance.now() - start, 'milliseconds').toBeLessThan(500);
  });
});

describe('filters', () => {
  const files = [
    file('a.css', { viewed: true, decision: 'accepted' }),
    file('.vscode/tasks.json', { risks: risk }),
    file('c.json', { conflict: true, decision: 'accepted' }),
  ];

  it('count what is left to do; a conflict is undecided whatever was ticked before', () => {
    expect(filterCounts(files)).toEqual({ all: 3, unviewed: 2, undecided: 2 });
  });

  it('match every word of the query, in any case', () => {
    expect(filterFiles(files, { ...noFilters, query: 'JSON  vs' }).map((one) => one.path.text)).toEqual([
      '.vscode/tasks.json',
    ]);
  });

  it('keep the file that is being read when its own tick would hide it', () => {
    const only = { ...noFilters, only: 'unviewed' as const };
    expect(filterFiles(files, only)).toHaveLength(2);
    expect(filterFiles(files, only, files[0])).toHaveLength(3);
  });

  it('narrow by status and by risk', () => {
    expect(filterFiles(files, { ...noFilters, status: ['conflict'] })).toHaveLength(1);
    expect(filterFiles(files, { ...noFilters, risky: true })).toHaveLength(1);
  });
});

describe('decisions', () => {
  it('add up: all the same, or in part', () => {
    expect(sumDecisions(['accepted', 'accepted'])).toBe('accepted');
    expect(sumDecisions(['accepted', 'rejected'])).toBe('partly');
    expect(sumDecisions(['rejected', 'undecided'])).toBe('undecided');
    expect(sumDecisions([])).toBe('undecided');
  });

  it('on one line leave the rest of an untouched hunk the other way', () => {
    const before = [hunk('h', 1, ['context', 'deleted', 'added', 'added'])];
    const after = decideHunks(before, { on: 'lines', path: { text: 'f' }, hunk: 'h', lines: [2], accept: true });
    expect(after[0]?.lines.map((one) => one.accepted)).toEqual([true, false, true, false]);
    expect(after[0]?.decision).toBe('partly');
  });

  it('on the last missing line make the hunk whole again', () => {
    const half = decideHunks([hunk('h', 1, ['added', 'added'])], {
      on: 'lines',
      path: { text: 'f' },
      hunk: 'h',
      lines: [0],
      accept: false,
    });
    const whole = decideHunks(half, { on: 'lines', path: { text: 'f' }, hunk: 'h', lines: [0], accept: true });
    expect(whole[0]?.decision).toBe('accepted');
  });

  it('on one hunk leave the others the same objects, so that they are not drawn again', () => {
    const before = [hunk('a', 1, ['added']), hunk('b', 9, ['added'])];
    const after = decideHunks(before, { on: 'hunk', path: { text: 'f' }, hunk: 'b', accept: false });
    expect(after[0]).toBe(before[0]);
    expect(after[1]?.decision).toBe('rejected');
  });

  it('make the footer: conflicts and files that run are never among the copied', () => {
    const files = [
      file('a', { decision: 'accepted' }),
      file('b', { decision: 'partly', merges_cleanly: true }),
      file('c', { conflict: true, decision: 'accepted' }),
      file('d', { risks: risk }),
      file('e', { decision: 'accepted', risks: risk }),
      file('.git/config', { refused: 'never' }),
      file('a:b', { unfit: 'cannot_hold', decision: 'accepted' }),
      file('f', { decision: 'rejected', conflict: true }),
    ];
    const said = footer({ files } as Review);
    expect([
      said.copied,
      said.conflicts.length,
      said.look.length,
      said.refused.length,
      said.unfit.length,
      said.merged,
    ]).toEqual([3, 1, 1, 1, 1, 1]);
    expect(tickOfAll(files)).toBe('mixed');
  });
});

describe('comments', () => {
  const on = hunk('h', 18, ['added', 'added', 'deleted']);

  it('know their place on the side they are on', () => {
    expect(newComment({ text: 'js/a.js' }, on, 0, 1, 'Why').place).toBe('Lines 18 to 19');
    expect(newComment({ text: 'js/a.js' }, on, 2, 2, 'Why').place).toBe('Line 18 before the change');
    expect(newComment({ text: 'js/a.js' }, on, 0, 1, 'Why').at).toBe('js/a.js:18-19');
  });

  it('cannot leave the paste or the fence they are put in', () => {
    const evil = {
      ...on,
      lines: [line('added', null, 18, 'a\u001b[201~\u0003rm -rf /'), line('added', null, 19, '```')],
    };
    const comment = newComment({ text: 'a\u001b.js' }, evil, 0, 1, 'x');
    const paste = new TextDecoder().decode(asPaste([comment]));
    expect(paste.startsWith('\u001b[200~')).toBe(true);
    expect(paste.endsWith('\u001b[201~')).toBe(true);
    expect(paste.split('\u001b'), 'only the two of the paste itself').toHaveLength(3);
    expect(paste).not.toContain('\u0003');
    expect(asMarkdown([comment])).toContain('````diff');
  });
});
