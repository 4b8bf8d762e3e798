/** Snapshots: the timeline of the mockups, comparisons, resets that can be undone. */
import type { CompareSide, LiveChange, SnapshotRow } from '../index';
import type { Part } from './part';
import { diffLines } from './reviewDiff';
import { ryeAndSalt } from './reviewTexts';
import { KB, MB } from './rows';
import type { World } from './world';

type Names =
  | 'snapshots'
  | 'homeSize'
  | 'takeSnapshot'
  | 'nameSnapshot'
  | 'deleteSnapshot'
  | 'compare'
  | 'compareDiff'
  | 'putBack'
  | 'reset'
  | 'startAgain'
  | 'wipe';

/** What a home folder weighs with a few packages. */
const HOME = 214 * MB;

function today(hour: number, minute: number): number {
  return new Date().setHours(hour, minute, 0, 0);
}

function timeline(): SnapshotRow[] {
  return [
    {
      id: 's8',
      kind: 'safety',
      name: 'Before the reset',
      time: today(14, 42),
      changed: 15,
      bytes: 412 * KB,
      home: null,
    },
    {
      id: 's7',
      kind: 'auto',
      name: 'Claude Code fell quiet',
      time: today(14, 36),
      changed: 15,
      bytes: 409 * KB,
      home: null,
    },
    {
      id: 's6',
      kind: 'named',
      name: 'Order page works',
      time: today(14, 20),
      changed: 11,
      bytes: 388 * KB,
      home: HOME,
    },
    {
      id: 's5',
      kind: 'auto',
      name: 'Claude Code fell quiet',
      time: today(14, 5),
      changed: 8,
      bytes: 1.7 * MB,
      home: null,
    },
    {
      id: 's4',
      kind: 'safety',
      name: 'Before the copy-out',
      time: today(13, 57),
      changed: 3,
      bytes: 36 * KB,
      home: null,
    },
    {
      id: 's3',
      kind: 'auto',
      name: 'Before Claude Code started',
      time: today(13, 13),
      changed: 0,
      bytes: 0,
      home: null,
    },
    { id: 's1', kind: 'baseline', name: null, time: today(13, 11), changed: 64, bytes: 6.8 * MB, home: null },
  ];
}

function change(
  path: string,
  status: LiveChange['status'],
  additions: number | null,
  deletions: number | null,
): LiveChange {
  return { path: { text: path }, status, additions, deletions, size: 214 * KB, risky: path === 'package.json' };
}

const SIX: LiveChange[] = [
  change('css/order.css', 'modified', 22, 4),
  change('data/opening-hours.json', 'modified', 10, 2),
  change('images/oven.webp', 'added', null, null),
  change('js/hours.js', 'modified', 11, 3),
  change('js/order.js', 'modified', 31, 8),
  change('menu.html', 'modified', 16, 5),
];

export function fakeSnapshots(world: World): Part<Names> {
  let rows = world.is('no-snapshots') ? timeline().slice(-1) : timeline();
  const told = (sandbox: string): void => {
    world.update(sandbox, { snapshots: rows.length });
    world.emit({ type: 'snapshots', sandbox });
  };
  const add = (
    sandbox: string,
    row: Omit<SnapshotRow, 'id' | 'time' | 'bytes' | 'home'>,
    home = false,
  ): SnapshotRow => {
    const made = { ...row, home: home ? HOME : null, id: crypto.randomUUID(), time: Date.now(), bytes: 18 * KB };
    rows = [made, ...rows];
    told(sandbox);
    return made;
  };
  const same = (a: CompareSide, b: CompareSide): boolean => JSON.stringify(a) === JSON.stringify(b);
  return {
    snapshots: () => world.answer(rows),
    homeSize: () => world.answer(HOME),
    takeSnapshot: async (sandbox, name, withHome) =>
      world.answer(add(sandbox, { kind: 'named', name, changed: 15 }, withHome)),
    nameSnapshot: async (sandbox, snapshot, name) => {
      rows = rows.map((row) => (row.id === snapshot ? { ...row, name, kind: 'named' } : row));
      told(sandbox);
      return world.answer(undefined);
    },
    deleteSnapshot: async (sandbox, snapshot) => {
      rows = rows.filter((row) => row.id !== snapshot);
      told(sandbox);
      return world.answer(undefined);
    },
    compare: (_sandbox, from, to) =>
      world.answer({
        changes: same(from, to) || (from.side === 'now' && to.side === 'now') || from.side === 'project' ? [] : SIX,
        left_out: 0,
        incomplete: false,
      }),
    compareDiff: (_sandbox, _from, _to, path) => {
      const file = ryeAndSalt.find((one) => one.path === path.text);
      if (file?.sizes || !file)
        return world.answer({ kind: 'image', old: false, new: true, old_size: 0, new_size: 214 * KB });
      const lines = (text: string | null): number => (text ? text.split('\n').length - 1 : 0);
      return world.answer({
        kind: 'text',
        hunks: diffLines(file.old, file.now, 3, ['undecided']),
        old_total: lines(file.old),
        new_total: lines(file.now),
        more_hunks: 0,
        notes: [],
        hidden: [],
        left_out: 0,
        made_by: null,
      });
    },
    putBack: async (sandbox, snapshot, paths) => {
      const safety = add(sandbox, { kind: 'safety', name: 'Before putting back', changed: 11 });
      return world.answer({ snapshot, safety: safety.id, files: paths.length, millis: 120 });
    },
    startAgain: async (sandbox) => {
      const safety = add(sandbox, { kind: 'safety', name: 'Before starting again', changed: 15 });
      const made = add(sandbox, { kind: 'baseline', name: null, changed: 64 });
      world.emit({ type: 'workspace', sandbox });
      return world.answer({ snapshot: made.id, safety: safety.id, files: 64, millis: 410 });
    },
    reset: async (sandbox, snapshot, withHome) => {
      const safety = add(sandbox, { kind: 'safety', name: 'Before the reset', changed: 15 }, withHome);
      world.emit({ type: 'workspace', sandbox });
      return world.answer({ snapshot: snapshot ?? 's1', safety: safety.id, files: 6, millis: 310 });
    },
    wipe: async (sandbox) => {
      const safety = add(sandbox, { kind: 'safety', name: 'Before the reset', changed: 15 });
      world.emit({ type: 'workspace', sandbox });
      return world.answer({ snapshot: 's1', safety: safety.id, files: 6, millis: 910 });
    },
  };
}
