/** What the bar, the palette and the keys do to a sandbox; each ends with a toast or a shown error. */
import { SvelteSet } from 'svelte/reactivity';
import type { ResetReport, SandboxRow } from '../ipc';
import { backend } from '../ipc/current';
import { count } from '../words/count';
import { newOperation } from './app.svelte';
import { router } from './router.svelte';
import { toasts } from './toasts.svelte';

/** Sandboxes that stand still because they are being put back: not a stop that the user should read about. */
export const goingBack = new SvelteSet<string>();

/** A reset, with its sandbox marked for as long as it takes. */
export async function goBack(sandbox: string, snapshot: string | null, operation: string): Promise<ResetReport> {
  goingBack.add(sandbox);
  try {
    return await backend().reset(sandbox, snapshot, operation);
  } finally {
    goingBack.delete(sandbox);
  }
}

/** Runs one; a failure becomes a toast. True when it went well. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (cause) {
    toasts.failed(cause);
    return false;
  }
}

export function takeSnapshot(sandbox: SandboxRow): Promise<boolean> {
  return attempt(async () => {
    const snapshot = await backend().takeSnapshot(sandbox.id, null);
    toasts.show(`Snapshot taken, ${count(snapshot.changed, 'changed file')}`, {
      action: {
        label: 'Name it…',
        run: () =>
          router.go({ screen: 'sandbox', sandbox: sandbox.id, tab: 'snapshots', snapshot: snapshot.id, naming: true }),
      },
    });
  });
}

/** At once, to the baseline or a snapshot; *Undo* goes back to the safety snapshot. */
export function resetWorkspace(sandbox: SandboxRow, snapshot: string | null = null): Promise<boolean> {
  return attempt(async () => {
    const report = await goBack(sandbox.id, snapshot, newOperation());
    toasts.show('Workspace reset', {
      action: {
        label: 'Undo',
        run: () =>
          void attempt(async () => {
            await goBack(sandbox.id, report.safety, newOperation());
            toasts.show('The reset was undone');
          }),
      },
    });
  });
}
