/** The entries behind *More*. */
import Eraser from '@lucide/svelte/icons/eraser';
import Gauge from '@lucide/svelte/icons/gauge';
import FolderOpen from '@lucide/svelte/icons/folder-open';
import KeyRound from '@lucide/svelte/icons/key-round';
import Pause from '@lucide/svelte/icons/pause';
import PencilLine from '@lucide/svelte/icons/pencil-line';
import Play from '@lucide/svelte/icons/play';
import RotateCw from '@lucide/svelte/icons/rotate-cw';
import Square from '@lucide/svelte/icons/square';
import Trash2 from '@lucide/svelte/icons/trash-2';
import type { MenuEntry } from '../../components/Menu.svelte';
import type { SandboxRow } from '../../ipc';
import { backend } from '../../ipc/current';
import { attempt } from '../../state/sandbox-actions';

interface Asks {
  rename: () => void;
  shape: () => void;
  logIn: () => void;
  wipe: () => void;
  remove: () => void;
}

export function sandboxMenu(sandbox: SandboxRow, asks: Asks): MenuEntry[] {
  const b = backend();
  const { id, status } = sandbox;
  const runs = ['working', 'waiting', 'idle'].includes(status);
  const doIt = (work: () => Promise<void>) => () => void attempt(work);
  return [
    ...(status === 'paused'
      ? [{ label: 'Resume', icon: Play, run: doIt(() => b.resumeSandbox(id)) }]
      : runs
        ? [{ label: 'Pause', icon: Pause, run: doIt(() => b.pauseSandbox(id)) }]
        : []),
    runs || status === 'paused'
      ? { label: 'Stop', icon: Square, run: doIt(() => b.stopSandbox(id)), testid: 'stop-sandbox' }
      : { label: 'Start', icon: Play, run: doIt(() => b.startSandbox(id)), testid: 'start-sandbox' },
    { label: 'Restart', icon: RotateCw, disabled: !runs, run: doIt(() => b.restartSandbox(id)) },
    'line',
    { label: 'Open the project folder', icon: FolderOpen, run: doIt(() => b.openInFileManager(sandbox.project)) },
    { label: 'Rename…', icon: PencilLine, run: asks.rename },
    { label: 'Limits and settings…', icon: Gauge, run: asks.shape, testid: 'shape-sandbox' },
    { label: 'Use its log-in elsewhere…', icon: KeyRound, run: asks.logIn, testid: 'log-in-elsewhere' },
    'line',
    { label: 'Wipe everything…', icon: Eraser, run: asks.wipe, testid: 'wipe-sandbox' },
    { label: 'Remove…', icon: Trash2, run: asks.remove, testid: 'remove-sandbox' },
  ];
}
