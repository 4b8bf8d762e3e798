/** The rows of the two trees of the file panel, as plain data. Folders first, then names as people sort them. */
import type { LiveChange, TreeEntry, WirePath } from '../../ipc';
import { pathKey } from '../../words/path';

export type Row =
  | {
      kind: 'folder';
      key: string;
      name: string;
      depth: number;
      open: boolean;
      path: WirePath | null;
      quiet: boolean;
      changed: boolean;
    }
  | { kind: 'change'; key: string; name: string; depth: number; change: LiveChange }
  | { kind: 'entry'; key: string; name: string; depth: number; entry: TreeEntry }
  | { kind: 'note'; key: string; name: string; depth: number };

interface Folder {
  folders: Map<string, Folder>;
  files: { name: string; change: LiveChange }[];
}

const byName = new Intl.Collator('en', { numeric: true, sensitivity: 'base' }).compare;

/** Changed files as a tree; a chain of folders with nothing beside it is one row: `packages/app/src`. */
export function changedRows(changes: readonly LiveChange[], closed: ReadonlySet<string>, query = ''): Row[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const top: Folder = { folders: new Map(), files: [] };
  for (const change of changes) {
    const lower = change.path.text.toLowerCase();
    if (words.every((word) => lower.includes(word))) place(top, change);
  }
  const rows: Row[] = [];
  draw(top, '', 0, closed, rows);
  return rows;
}

/** The keys of all folders, for *fold all*. */
export function folderKeys(changes: readonly LiveChange[]): string[] {
  return changedRows(changes, new Set()).flatMap((row) => (row.kind === 'folder' ? [row.key] : []));
}

function place(top: Folder, change: LiveChange): void {
  const parts = change.path.text.split('/');
  const name = parts.pop() ?? '';
  let folder = top;
  for (const part of parts) {
    let next = folder.folders.get(part);
    if (!next) folder.folders.set(part, (next = { folders: new Map(), files: [] }));
    folder = next;
  }
  folder.files.push({ name, change });
}

function draw(folder: Folder, prefix: string, depth: number, closed: ReadonlySet<string>, rows: Row[]): void {
  for (const [first, start] of [...folder.folders].sort(([a], [b]) => byName(a, b))) {
    let name = first;
    let inner = start;
    while (inner.files.length === 0 && inner.folders.size === 1) {
      const [only] = inner.folders;
      if (!only) break;
      name += `/${only[0]}`;
      inner = only[1];
    }
    const key = `${prefix}${name}/`;
    const open = !closed.has(key);
    rows.push({ kind: 'folder', key, name, depth, open, path: null, quiet: false, changed: false });
    if (open) draw(inner, key, depth + 1, closed, rows);
  }
  for (const { name, change } of folder.files.sort((a, b) => byName(a.name, b.name))) {
    rows.push({ kind: 'change', key: pathKey(change.path), name, depth, change });
  }
}

/** What is known of a folder of *All files*: undefined while it is read. */
export type Known = { entries: TreeEntry[]; more: number } | { failed: string };

/** The open folders of *All files*, as far as they were read. `open` and `known` are by the folder's key. */
export function allRows(open: ReadonlySet<string>, known: ReadonlyMap<string, Known>): Row[] {
  const rows: Row[] = [];
  list('', 0, open, known, rows);
  return rows;
}

function list(
  folder: string,
  depth: number,
  open: ReadonlySet<string>,
  known: ReadonlyMap<string, Known>,
  rows: Row[],
): void {
  const listing = known.get(folder);
  if (!listing) {
    rows.push({ kind: 'note', key: `${folder} reading`, name: 'Reading…', depth });
    return;
  }
  if ('failed' in listing) {
    rows.push({ kind: 'note', key: `${folder} failed`, name: listing.failed, depth });
    return;
  }
  for (const entry of listing.entries) {
    const key = pathKey(entry.path);
    if (entry.kind !== 'dir') {
      rows.push({ kind: 'entry', key, name: entry.name, depth, entry });
      continue;
    }
    const isOpen = open.has(key);
    const { path, name, left_out: quiet, status } = entry;
    rows.push({ kind: 'folder', key, name, depth, open: isOpen, path, quiet, changed: status !== null });
    if (isOpen) list(key, depth + 1, open, known, rows);
  }
  if (listing.more > 0)
    rows.push({
      kind: 'note',
      key: `${folder} more`,
      name: `${listing.more.toLocaleString('en-US')} more, not shown`,
      depth,
    });
  if (listing.entries.length === 0) rows.push({ kind: 'note', key: `${folder} empty`, name: 'Empty', depth });
}

/** Where a key leads from the row that is marked: the row to mark, and whether to open or close it. */
export function step(
  rows: readonly Row[],
  at: number,
  key: string,
): { at: number; toggle?: boolean; activate?: boolean } | null {
  const row = rows[at];
  const last = rows.length - 1;
  switch (key) {
    case 'ArrowDown':
      return { at: Math.min(last, at + 1) };
    case 'ArrowUp':
      return { at: Math.max(0, at - 1) };
    case 'Home':
      return { at: 0 };
    case 'End':
      return { at: last };
    case 'PageDown':
      return { at: Math.min(last, at + 20) };
    case 'PageUp':
      return { at: Math.max(0, at - 20) };
    case 'ArrowRight':
      if (row?.kind !== 'folder') return null;
      return row.open ? { at: Math.min(last, at + 1) } : { at, toggle: true };
    case 'ArrowLeft':
      if (row?.kind === 'folder' && row.open) return { at, toggle: true };
      return { at: parentOf(rows, at) };
    case 'Enter':
    case ' ':
      return row?.kind === 'folder' ? { at, toggle: true } : { at, activate: true };
    default:
      return null;
  }
}

function parentOf(rows: readonly Row[], at: number): number {
  const depth = rows[at]?.depth ?? 0;
  for (let above = at - 1; above >= 0; above -= 1) {
    const row = rows[above];
    if (row?.kind === 'folder' && row.depth < depth) return above;
  }
  return at;
}
