import { describe, expect, it } from 'vitest';
import type { LiveChange, TreeEntry } from '../../ipc';
import { allRows, changedRows, folderKeys, step, type Known } from './rows';

function change(text: string): LiveChange {
  return { path: { text }, status: 'modified', additions: 1, deletions: 1, size: 1, risky: false };
}
function entry(text: string, kind: TreeEntry['kind']): TreeEntry {
  return { path: { text }, name: text.slice(text.lastIndexOf('/') + 1), kind, size: 1, status: null, left_out: false };
}
const CHANGES = ['README.md', 'js/b10.js', 'js/b9.js', 'a/b/c/deep.txt', 'index.html'].map(change);

describe('the changed files', () => {
  it('stand as a tree, folders first, numbers in their order', () => {
    expect(changedRows(CHANGES, new Set()).map((row) => [row.depth, row.name])).toEqual([
      [0, 'a/b/c'],
      [1, 'deep.txt'],
      [0, 'js'],
      [1, 'b9.js'],
      [1, 'b10.js'],
      [0, 'index.html'],
      [0, 'README.md'],
    ]);
  });

  it('fold and unfold', () => {
    expect(folderKeys(CHANGES)).toEqual(['a/b/c/', 'js/']);
    expect(changedRows(CHANGES, new Set(folderKeys(CHANGES))).map((row) => row.name)).toEqual([
      'a/b/c',
      'js',
      'index.html',
      'README.md',
    ]);
  });

  it('are filtered by all words', () => {
    expect(changedRows(CHANGES, new Set(), 'JS b9').map((row) => row.name)).toEqual(['js', 'b9.js']);
    expect(changedRows(CHANGES, new Set(), 'nothing such')).toEqual([]);
  });

  it('keep apart names that differ only in bytes that are not text', () => {
    const same = [
      { ...change('\ufffd.txt'), path: { text: '\ufffd.txt', raw: '/y50eHQ=' } },
      { ...change('\ufffd.txt'), path: { text: '\ufffd.txt', raw: '/i50eHQ=' } },
    ];
    const keys = changedRows(same, new Set()).map((row) => row.key);
    expect(new Set(keys).size).toBe(2);
  });

  it('five thousand are drawn up at once', () => {
    const many = Array.from({ length: 5_000 }, (_, at) => change(`packages/p${at % 100}/src/f${at}.ts`));
    const before = performance.now();
    expect(changedRows(many, new Set())).toHaveLength(5_000 + 100 + 1);
    expect(performance.now() - before).toBeLessThan(500);
  });
});

describe('all files', () => {
  const known = new Map<string, Known>([
    ['', { entries: [entry('src', 'dir'), entry('a.txt', 'file')], more: 12 }],
    ['src', { entries: [], more: 0 }],
  ]);

  it('show what was read of the open folders, and say what is not there', () => {
    expect(allRows(new Set(), known).map((row) => row.name)).toEqual(['src', 'a.txt', '12 more, not shown']);
    expect(allRows(new Set(['src']), known).map((row) => row.name)).toEqual([
      'src',
      'Empty',
      'a.txt',
      '12 more, not shown',
    ]);
    expect(allRows(new Set(), new Map()).map((row) => row.name)).toEqual(['Reading…']);
  });
});

describe('keys', () => {
  const rows = changedRows(CHANGES, new Set());
  it.each([
    ['ArrowDown', 0, { at: 1 }],
    ['ArrowUp', 0, { at: 0 }],
    ['End', 0, { at: 6 }],
    ['ArrowLeft', 0, { at: 0, toggle: true }],
    ['ArrowLeft', 4, { at: 2 }],
    ['ArrowRight', 2, { at: 3 }],
    ['Enter', 3, { at: 3, activate: true }],
    ['Enter', 2, { at: 2, toggle: true }],
    ['x', 2, null],
  ])('%s on row %d', (key, at, expected) => expect(step(rows, at, key)).toEqual(expected));
});
