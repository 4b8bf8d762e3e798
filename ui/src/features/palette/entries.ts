/** What the palette lists: commands of the sandbox, places, other sandboxes, pages of the settings, files. */
import Box from '@lucide/svelte/icons/box';
import File from '@lucide/svelte/icons/file';
import Image from '@lucide/svelte/icons/image';
import SlidersHorizontal from '@lucide/svelte/icons/sliders-horizontal';
import type { IconSource } from '../../components/Icon.svelte';
import type { WirePath } from '../../ipc';
import { app } from '../../state/app.svelte';
import { commands } from '../../state/commands.svelte';
import { router } from '../../state/router.svelte';
import { pathKey } from '../../words/path';
import { STATUS_WORDS } from '../../words/status';

export type Entry = {
  id: string;
  group: string;
  label: string;
  /** Quiet, after the label. */
  beside: string;
  icon: IconSource | undefined;
  keys: string | undefined;
  run: () => void;
};

const PAGES: [string, string][] = [
  ['general', 'General'],
  ['agents', 'Agents and keys'],
  ['network', 'Network'],
  ['limits', 'Limits'],
  ['snapshots', 'Snapshots'],
  ['disk', 'Disk use'],
  ['engine', 'Container engine'],
  ['keyboard', 'Keyboard'],
];

/** The sandbox's own first, then what the screen offers, then places. */
const ORDER = ['This sandbox', 'Review', 'Conflict', 'Work', 'Window', 'Go to'];

function rank(group: string): number {
  const at = ORDER.indexOf(group);
  return at < 0 ? 2.5 : at;
}

export function commandEntries(): Entry[] {
  const name = app.current?.name ?? '';
  return commands.all
    .filter((command) => !command.keysOnly && (command.enabled?.() ?? true))
    .sort((a, b) => rank(a.group) - rank(b.group))
    .map((command) => ({
      id: command.id,
      group: command.group === 'This sandbox' ? name || command.group : command.group,
      label: command.label,
      beside: command.group === 'Go to' && command.id !== 'settings' ? name : '',
      icon: command.icon,
      keys: command.keys?.[0],
      run: () => command.run(),
    }));
}

export function placeEntries(): Entry[] {
  const group = 'Go to';
  const sandboxes = app.sandboxes
    .filter((row) => router.route.screen !== 'sandbox' || row.id !== app.current?.id)
    .map((row): Entry => ({
      id: `sandbox ${row.id}`,
      group,
      label: row.name,
      beside: `${STATUS_WORDS[row.status]} · ${row.agent_name}`,
      icon: Box,
      keys: undefined,
      run: () => router.openSandbox(row.id),
    }));
  const pages = PAGES.map(([page, name]): Entry => ({
    id: `settings ${page}`,
    group,
    label: `Settings: ${name}`,
    beside: '',
    icon: SlidersHorizontal,
    keys: undefined,
    run: () => router.openSettings(page),
  }));
  return [...sandboxes, ...pages];
}

/** Files open beside the terminal. */
export function fileEntries(paths: readonly WirePath[]): Entry[] {
  const name = app.current?.name ?? '';
  return paths.map((path) => ({
    id: `file ${pathKey(path)}`,
    group: 'Files',
    label: path.text,
    beside: name,
    icon: /\.(png|jpe?g|gif|webp|svg|avif|ico|bmp)$/i.test(path.text) ? Image : File,
    keys: undefined,
    run: () => router.openTab('work', { path }),
  }));
}
