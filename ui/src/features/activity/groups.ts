/** Kinds of activity as people ask for them, with their icons and days. */
import Ban from '@lucide/svelte/icons/ban';
import Bookmark from '@lucide/svelte/icons/bookmark';
import Camera from '@lucide/svelte/icons/camera';
import CircleAlert from '@lucide/svelte/icons/circle-alert';
import FolderInput from '@lucide/svelte/icons/folder-input';
import FolderOutput from '@lucide/svelte/icons/folder-output';
import Gauge from '@lucide/svelte/icons/gauge';
import Globe from '@lucide/svelte/icons/globe';
import LifeBuoy from '@lucide/svelte/icons/life-buoy';
import Pause from '@lucide/svelte/icons/pause';
import Play from '@lucide/svelte/icons/play';
import RotateCcw from '@lucide/svelte/icons/rotate-ccw';
import Square from '@lucide/svelte/icons/square';
import Trash2 from '@lucide/svelte/icons/trash-2';
import Undo2 from '@lucide/svelte/icons/undo-2';
import type { ActivityEntry, ActivityKind } from '../../ipc';
import type { IconSource } from '../../components/Icon.svelte';
import { day } from '../../words/time';

export type Group = 'all' | 'network' | 'snapshots' | 'resets' | 'copy-outs' | 'runs';

/** Kinds in each group; an empty list asks for all. */
export const GROUPS: { value: Group; label: string; kinds: ActivityKind[] }[] = [
  { value: 'all', label: 'All', kinds: [] },
  { value: 'network', label: 'Network', kinds: ['network'] },
  { value: 'snapshots', label: 'Snapshots', kinds: ['snapshot'] },
  { value: 'resets', label: 'Resets', kinds: ['reset', 'recovered'] },
  { value: 'copy-outs', label: 'Copy-outs', kinds: ['copied_out', 'copy_out_undone', 'handed_over'] },
  {
    value: 'runs',
    label: 'Starts and stops',
    kinds: ['started', 'stopped', 'paused', 'resumed', 'limit_hit', 'failed', 'removed'],
  },
];

export type Since = 'ever' | 'today' | 'week';

export const SINCES: { value: Since; label: string }[] = [
  { value: 'ever', label: 'Any time' },
  { value: 'today', label: 'Today' },
  { value: 'week', label: 'Last 7 days' },
];

/** The oldest time that passes, in milliseconds; null: any. */
export function sinceTime(since: Since, now: number): number | null {
  if (since === 'ever') return null;
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  if (since === 'week') midnight.setDate(midnight.getDate() - 6);
  return midnight.getTime();
}

/** How many entries a group has. */
export function countOf(group: { kinds: ActivityKind[] }, counts: Partial<Record<ActivityKind, number>>): number {
  const kinds = group.kinds.length > 0 ? group.kinds : (Object.keys(counts) as ActivityKind[]);
  return kinds.reduce((sum, kind) => sum + (counts[kind] ?? 0), 0);
}

const ICONS: Record<ActivityKind, IconSource> = {
  handed_over: FolderInput,
  started: Play,
  stopped: Square,
  paused: Pause,
  resumed: Play,
  snapshot: Camera,
  reset: RotateCcw,
  copied_out: FolderOutput,
  copy_out_undone: Undo2,
  network: Globe,
  limit_hit: Gauge,
  recovered: LifeBuoy,
  removed: Trash2,
  failed: CircleAlert,
};

export function iconOf(entry: ActivityEntry): IconSource {
  if (entry.kind === 'snapshot' && /[“"]/.test(entry.what)) return Bookmark;
  if (entry.kind === 'reset' && /undone/i.test(entry.what)) return Undo2;
  return ICONS[entry.kind];
}

export const BLOCKED = Ban;

export type Tone = 'ok' | 'risk' | 'waiting' | 'failed' | 'plain';

/** How a network decision is drawn; the word is always there too. */
export function toneOf(decision: string): Tone {
  const word = decision.toLowerCase();
  if (word.startsWith('allowed')) return 'ok';
  if (word.startsWith('refused')) return 'risk';
  if (word.startsWith('asked')) return 'waiting';
  if (word.startsWith('not reached')) return 'failed';
  return 'plain';
}

/** A site that is approved and was not reached because of the proxy of the computer's network. */
export function failedAtProxy({ kind, decision, detail }: ActivityEntry): boolean {
  return kind === 'network' && decision === 'Not reached' && detail.includes('the proxy of your network');
}

export type ActivityRow =
  { kind: 'day'; key: string; label: string } | { kind: 'entry'; key: string; entry: ActivityEntry };

/** The entries with a head before each day but today's. */
export function withDays(entries: readonly ActivityEntry[], now: number): ActivityRow[] {
  const rows: ActivityRow[] = [];
  let last = day(now, now);
  for (const entry of entries) {
    const name = day(entry.time, now);
    if (name !== last) rows.push({ kind: 'day', key: `day${name}${entry.id}`, label: name });
    last = name;
    rows.push({ kind: 'entry', key: `e${entry.id}`, entry });
  }
  return rows;
}

/** New entries at the top of old ones, each once, newest first. */
export function joined(fresh: readonly ActivityEntry[], old: readonly ActivityEntry[]): ActivityEntry[] {
  const byId = new Map([...old, ...fresh].map((entry) => [entry.id, entry]));
  return [...byId.values()].sort((a, b) => b.id - a.id);
}

/** The first words of the details, in one string for filters. */
export function hasWords(entry: ActivityEntry, query: string): boolean {
  const text = `${entry.what} ${entry.decision ?? ''} ${entry.detail}`.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
