/** Activity: the afternoon of the mockups, and more of it on request. */
import type { ActivityEntry, ActivityKind } from '../index';
import type { Part } from './part';
import type { World } from './world';

type Line = [time: string, kind: ActivityKind, what: string, decision: string | null, detail: string, subject?: string];

const LINES: Line[] = [
  ['14:43', 'reset', 'Reset undone', null, 'By you · 6 files put back in 0.2 s'],
  ['14:43', 'snapshot', 'Snapshot', null, 'Automatic, before the undo · 11 changed, 2 KB', 's8'],
  ['14:42', 'reset', 'Workspace reset', null, 'By you, to “Order page works” · 6 files put back in 0.3 s'],
  ['14:42', 'snapshot', 'Snapshot', null, 'Automatic, before the reset · 15 changed, 412 KB', 's8'],
  ['14:38', 'network', 'fonts.gstatic.com', 'Blocked', 'Always, by you · tried 3 times'],
  ['14:36', 'snapshot', 'Snapshot', null, 'Automatic, Claude Code fell quiet · 15 changed, 409 KB', 's7'],
  ['14:31', 'network', 'api.anthropic.com', 'Allowed', 'Claude Code’s own service · 61 requests, 1.2 MB'],
  ['14:24', 'network', '192.168.1.1', 'Refused', 'An address on your own network, port 80'],
  ['14:22', 'network', 'html-validate.org', 'Allowed once', 'By you · 4 requests, 88 KB'],
  ['14:20', 'snapshot', 'Snapshot “Order page works”', null, 'By you · 11 changed, 388 KB', 's6'],
  ['13:58', 'copied_out', 'Copied out 3 files', null, 'By you, to ~/Sites/rye-and-salt', 'copy-1'],
  ['13:57', 'snapshot', 'Snapshot', null, 'Automatic, before the copy-out · 3 changed, 36 KB', 's4'],
  ['13:40', 'limit_hit', 'Ran out of memory', null, 'node dev-server.js was stopped at 4 GB'],
  ['13:13', 'started', 'Claude Code started', null, 'By you · fence self-test 9 of 9 passed'],
  ['13:13', 'snapshot', 'Snapshot', null, 'Automatic, before Claude Code started · 0 changed', 's3'],
  ['13:11', 'handed_over', 'Handed over', null, 'By you · 64 files, 6.8 MB · .env and node_modules stay out'],
];

/** In an office whose proxy does not let it through. */
const AT_PROXY: Line = [
  '14:44',
  'network',
  'registry.npmjs.org',
  'Not reached',
  'approved, but the proxy of your network refused it · 2 connections',
];

const PAGE = 100;

function entries(world: World): ActivityEntry[] {
  if (world.is('no-activity')) return [];
  const lines = world.is('proxy') ? [AT_PROXY, ...LINES] : LINES;
  const days = world.is('large') ? 400 : 1;
  return Array.from({ length: days }, (_, day) =>
    lines.map(([time, kind, what, decision, detail, subject = null], at): ActivityEntry => {
      const [hour = 0, minute = 0] = time.split(':').map(Number);
      return {
        id: (days - day) * lines.length - at,
        time: new Date().setHours(hour, minute, 0, 0) - day * 86_400_000,
        kind,
        what,
        decision,
        detail,
        subject,
      };
    }),
  ).flat();
}

export function fakeActivity(world: World): Part<'activity' | 'saveActivity'> {
  const all = entries(world);
  return {
    saveActivity: () => world.answer('/home/mira/Documents/invoice-tools activity.json'),
    activity: (_sandbox, kinds, query, before, since) => {
      const words = query.toLowerCase().split(/\s+/).filter(Boolean);
      const passing = all.filter(
        (entry) =>
          (since === null || entry.time >= since) &&
          words.every((word) => `${entry.what} ${entry.detail} ${entry.decision ?? ''}`.toLowerCase().includes(word)),
      );
      const counts: Partial<Record<ActivityKind, number>> = {};
      for (const { kind } of passing) counts[kind] = (counts[kind] ?? 0) + 1;
      const found = passing.filter(
        (entry) => (before === null || entry.id < before) && (kinds.length === 0 || kinds.includes(entry.kind)),
      );
      return world.answer({ entries: found.slice(0, PAGE), more: found.length > PAGE, counts });
    },
  };
}
