/** The commands that are there on every screen. */
import Activity from '@lucide/svelte/icons/activity';
import Bookmark from '@lucide/svelte/icons/bookmark';
import Camera from '@lucide/svelte/icons/camera';
import Columns2 from '@lucide/svelte/icons/columns-2';
import FolderInput from '@lucide/svelte/icons/folder-input';
import FolderSync from '@lucide/svelte/icons/folder-sync';
import FolderPlus from '@lucide/svelte/icons/folder-plus';
import Globe from '@lucide/svelte/icons/globe';
import History from '@lucide/svelte/icons/history';
import Pause from '@lucide/svelte/icons/pause';
import Keyboard from '@lucide/svelte/icons/keyboard';
import PanelLeft from '@lucide/svelte/icons/panel-left';
import Play from '@lucide/svelte/icons/play';
import RotateCcw from '@lucide/svelte/icons/rotate-ccw';
import RotateCw from '@lucide/svelte/icons/rotate-cw';
import ScanEye from '@lucide/svelte/icons/scan-eye';
import SlidersHorizontal from '@lucide/svelte/icons/sliders-horizontal';
import Square from '@lucide/svelte/icons/square';
import SunMoon from '@lucide/svelte/icons/sun-moon';
import SquareTerminal from '@lucide/svelte/icons/square-terminal';
import type { SandboxRow, Theme } from '../ipc';
import { backend } from '../ipc/current';
import { app } from './app.svelte';
import type { Command } from './commands.svelte';
import { chooseAndHandOver } from './drops.svelte';
import { layout } from './layout.svelte';
import { cyclePanels } from './panels';
import { router, type Overlay } from './router.svelte';
import { attempt, bringIn, resetWorkspace, startAgain, takeAndName, takeSnapshot } from './sandbox-actions';

const there = (): boolean => app.current !== null && router.route.screen === 'sandbox';
const status = (...any: SandboxRow['status'][]): boolean => there() && any.includes(app.current?.status ?? 'idle');

/** With the sandbox that is looked at. */
function here(run: (sandbox: SandboxRow) => unknown): () => void {
  return () => {
    const sandbox = app.current;
    if (sandbox) void run(sandbox);
  };
}

function toggle(overlay: Overlay): () => void {
  return () => {
    if (router.overlay === null) router.overlay = overlay;
    else if (router.overlay === overlay) router.closeOverlay();
  };
}

export function baseCommands(): Command[] {
  return [...windowCommands(), ...sandboxCommands()];
}

function windowCommands(): Command[] {
  const group = 'Go to';
  return [
    {
      id: 'palette',
      label: 'Command palette',
      group: 'Window',
      keys: ['Mod+k', 'Mod+Shift+p'],
      keysOnly: true,
      everywhere: true,
      run: toggle('palette'),
    },
    {
      id: 'shortcuts',
      label: 'Keyboard shortcuts',
      group: 'Window',
      icon: Keyboard,
      keys: ['?'],
      run: toggle('shortcuts'),
    },
    {
      id: 'panels',
      label: 'Next panel',
      group: 'Window',
      keys: ['F6'],
      keysOnly: true,
      everywhere: true,
      run: () => cyclePanels(1),
    },
    {
      id: 'panels-back',
      label: 'Previous panel',
      group: 'Window',
      keys: ['Shift+F6'],
      keysOnly: true,
      everywhere: true,
      run: () => cyclePanels(-1),
    },
    {
      id: 'hand-over',
      label: 'Hand over a folder…',
      group: 'Window',
      icon: FolderPlus,
      keys: ['Mod+o'],
      everywhere: true,
      run: () => void chooseAndHandOver(),
    },
    {
      id: 'fold-list',
      label: 'Fold or unfold the list of sandboxes',
      group: 'Window',
      icon: PanelLeft,
      keys: ['Mod+b'],
      everywhere: true,
      run: () => (layout.folded = !layout.folded),
    },
    ...themes(),
    {
      id: 'settings',
      label: 'Settings',
      group,
      icon: SlidersHorizontal,
      keys: ['Mod+,'],
      everywhere: true,
      run: () => router.openSettings(),
    },
    {
      id: 'work',
      label: 'Work',
      group,
      icon: SquareTerminal,
      keys: ['Alt+1'],
      everywhere: true,
      enabled: there,
      run: () => router.openTab('work'),
    },
    {
      id: 'review',
      label: 'Review',
      group,
      icon: ScanEye,
      keys: ['Alt+2'],
      everywhere: true,
      enabled: there,
      run: () => router.openTab('review'),
    },
    {
      id: 'snapshots',
      label: 'Snapshots',
      group,
      icon: History,
      keys: ['Alt+3'],
      everywhere: true,
      enabled: there,
      run: () => router.openTab('snapshots'),
    },
    {
      id: 'activity',
      label: 'Activity',
      group,
      icon: Activity,
      keys: ['Alt+4'],
      everywhere: true,
      enabled: there,
      run: () => router.openTab('activity'),
    },
  ];
}

/** The other looks than the chosen one. */
function themes(): Command[] {
  const all: [Theme, string][] = [
    ['light', 'Light theme'],
    ['dark', 'Dark theme'],
    ['system', 'Theme of the system'],
  ];
  return all.map(([theme, label]) => ({
    id: `theme-${theme}`,
    label,
    group: 'Window',
    icon: SunMoon,
    enabled: () => app.settings !== null && app.settings.theme !== theme,
    run: () => app.settings && void app.saveSettings({ ...app.settings, theme }),
  }));
}

function sandboxCommands(): Command[] {
  const group = 'This sandbox';
  const b = backend;
  return [
    {
      id: 'capture',
      label: 'Review changes',
      group,
      icon: ScanEye,
      keys: ['Mod+Shift+e'],
      everywhere: true,
      enabled: there,
      run: () => router.openTab('review', { fresh: true }),
    },
    {
      id: 'snapshot',
      label: 'Take a snapshot',
      group,
      icon: Camera,
      keys: ['Mod+Shift+s'],
      everywhere: true,
      enabled: there,
      run: here(takeSnapshot),
    },
    {
      id: 'snapshot-named',
      label: 'Take a snapshot and name it…',
      group,
      icon: Bookmark,
      enabled: there,
      run: here(takeAndName),
    },
    {
      id: 'compare',
      label: 'Compare snapshots…',
      group,
      icon: Columns2,
      enabled: there,
      run: () => router.openTab('snapshots'),
    },
    {
      id: 'reset',
      label: 'Reset the workspace',
      group,
      icon: RotateCcw,
      enabled: there,
      run: here((row) => resetWorkspace(row)),
    },
    {
      id: 'reset-to',
      label: 'Reset to a snapshot…',
      group,
      icon: History,
      enabled: there,
      run: () => router.openTab('snapshots'),
    },
    {
      id: 'network',
      label: 'Network rules…',
      group,
      icon: Globe,
      enabled: there,
      run: () => (router.overlay = 'network'),
    },
    {
      id: 'bring-in',
      label: 'Bring in my latest edits',
      group,
      icon: FolderInput,
      enabled: there,
      run: here((row) => bringIn(row.id)),
    },
    {
      id: 'start-again',
      label: 'Start again from my folder as it is now',
      group,
      icon: FolderSync,
      enabled: there,
      run: here((row) => startAgain(row)),
    },
    {
      id: 'start',
      label: 'Start',
      group,
      icon: Play,
      enabled: () => status('stopped', 'attention'),
      run: here((row) => attempt(() => b().startSandbox(row.id))),
    },
    {
      id: 'restart',
      label: 'Restart',
      group,
      icon: RotateCw,
      enabled: () => status('working', 'waiting', 'idle', 'attention'),
      run: here((row) => attempt(() => b().restartSandbox(row.id))),
    },
    {
      id: 'pause',
      label: 'Pause',
      group,
      icon: Pause,
      enabled: () => status('working', 'waiting', 'idle'),
      run: here((row) => attempt(() => b().pauseSandbox(row.id))),
    },
    {
      id: 'resume',
      label: 'Resume',
      group,
      icon: Play,
      enabled: () => status('paused'),
      run: here((row) => attempt(() => b().resumeSandbox(row.id))),
    },
    {
      id: 'stop',
      label: 'Stop',
      group,
      icon: Square,
      enabled: () => status('working', 'waiting', 'idle', 'paused'),
      run: here((row) => attempt(() => b().stopSandbox(row.id))),
    },
  ];
}
