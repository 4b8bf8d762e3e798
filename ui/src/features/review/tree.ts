/** The changed files as the rows of a tree: folders first, chains of single folders on one row. */
import type { ReviewFile } from '../../ipc';
import { lastPart } from '../../words/path';

export type DirRow = { kind: 'dir'; path: string; label: string; depth: number; open: boolean; files: number };
export type FileRow = { kind: 'file'; file: ReviewFile; label: string; depth: number };
export type TreeRow = DirRow | FileRow;

type Folder = { path: string; folders: Map<string, Folder>; files: ReviewFile[]; count: number };

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Order of names as a file manager shows them; equal ones by code unit so that the order never changes. */
export function compareNames(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}

function grow(files: readonly ReviewFile[]): Folder {
  const root: Folder = { path: '', folders: new Map(), files: [], count: 0 };
  for (const file of files) {
    const parts = file.path.text.split('/');
    let folder = root;
    folder.count += 1;
    for (let at = 0; at < parts.length - 1; at += 1) {
      const name = parts[at] ?? '';
      let next = folder.folders.get(name);
      if (!next) {
        next = { path: folder.path ? `${folder.path}/${name}` : name, folders: new Map(), files: [], count: 0 };
        folder.folders.set(name, next);
      }
      next.count += 1;
      folder = next;
    }
    folder.files.push(file);
  }
  return root;
}

function flatten(folder: Folder, depth: number, closed: ReadonlySet<string>, rows: TreeRow[]): void {
  const names = [...folder.folders.keys()].sort(compareNames);
  for (const name of names) {
    let below = folder.folders.get(name);
    if (!below) continue;
    let label = name;
    while (below.files.length === 0 && below.folders.size === 1) {
      const [only] = below.folders.entries();
      if (!only) break;
      label += `/${only[0]}`;
      below = only[1];
    }
    const open = !closed.has(below.path);
    rows.push({ kind: 'dir', path: below.path, label, depth, open, files: below.count });
    if (open) flatten(below, depth + 1, closed, rows);
  }
  const files = [...folder.files].sort((a, b) => compareNames(a.path.text, b.path.text));
  for (const file of files) rows.push({ kind: 'file', file, label: lastPart(file.path.text), depth });
}

/** All rows of the tree, but those below closed folders. */
export function treeRows(files: readonly ReviewFile[], closed: ReadonlySet<string>): TreeRow[] {
  const rows: TreeRow[] = [];
  flatten(grow(files), 0, closed, rows);
  return rows;
}

/** The files in the order of the tree, whether their folders are open or not: the order of `j` and `k`. */
export function treeOrder(files: readonly ReviewFile[]): ReviewFile[] {
  const none: ReadonlySet<string> = new Set();
  return treeRows(files, none).flatMap((row) => (row.kind === 'file' ? [row.file] : []));
}
