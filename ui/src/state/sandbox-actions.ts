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
export async function goBack(
  sandbox: string,
  snapshot: string | null,
  operation: string,
  withHome = false,
): Promise<ResetReport> {
  goingBack.add(sandbox);
  try {
    return await backend().reset(sandbox, snapshot, withHome, operation);
  } finally {
    goingBack.delete(sandbox);
  }
}

/** To the beginning with an empty home folder, its sandbox marked likewise. */
export async function wipe(sandbox: string, operation: string): Promise<ResetReport> {
  goingBack.add(sandbox);
  try {
    return await backend().wipe(sandbox, operation);
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

/** What is chosen for a snapshot; a click on *Snapshot* chooses nothing. */
export interface Taking {
  name: string | null;
  withHome: boolean;
  operation: string;
}

/** Opens the app that brings the container engine. It takes a while; the engine’s own event says when it runs. */
export function openEngineApp(name: string): Promise<boolean> {
  return attempt(async () => {
    await backend().openEngineApp();
    toasts.show(`${name} is starting. This window notices when it runs.`);
  });
}

export function takeSnapshot(sandbox: SandboxRow, chosen?: Taking): Promise<boolean> {
  const { name, withHome, operation } = chosen ?? { name: null, withHome: false, operation: newOperation() };
  return attempt(async () => {
    const snapshot = await backend().takeSnapshot(sandbox.id, name, withHome, operation);
    const what = withHome ? 'Snapshot taken with the home folder' : 'Snapshot taken';
    if (name) return toasts.show(`${what}: ${name}`);
    toasts.show(`${what}, ${count(snapshot.changed, 'changed file')}`, {
      action: {
        label: 'Name it…',
        run: () =>
          router.go({ screen: 'sandbox', sandbox: sandbox.id, tab: 'snapshots', snapshot: snapshot.id, naming: true }),
      },
    });
  });
}

/** Of this moment, then the question for its name. */
export function takeAndName(sandbox: SandboxRow): Promise<boolean> {
  return attempt(async () => {
    const { id } = await backend().takeSnapshot(sandbox.id, null, false, newOperation());
    router.go({ screen: 'sandbox', sandbox: sandbox.id, tab: 'snapshots', snapshot: id, naming: true });
  });
}

/** Takes a copy-out back, or the newest; the engine refuses where the user has edited since. *Redo* copies it out again. */
export function undoCopyOut(sandbox: string, copyOut: string | null): Promise<boolean> {
  return attempt(async () => {
    const { conflicts } = await backend().undoCopyOut(sandbox, copyOut, newOperation());
    if (conflicts.length > 0) {
      const files = count(conflicts.length, 'file');
      toasts.show(`Not undone: you changed ${files} after the copy-out. Nothing was touched.`, { tone: 'notice' });
    } else toasts.show('The copy-out was undone', { action: { label: 'Redo', run: () => void redoCopyOut(sandbox) } });
  });
}

export function redoCopyOut(sandbox: string): Promise<boolean> {
  return attempt(async () => {
    const { conflicts, applied } = await backend().redoCopyOut(sandbox, newOperation());
    if (conflicts.length > 0) {
      const files = count(conflicts.length, 'file');
      toasts.show(`Not copied again: you changed ${files} after the undo. Nothing was touched.`, { tone: 'notice' });
    } else
      toasts.show(`Copied ${count(applied.length, 'file')} again`, {
        action: { label: 'Undo', run: () => void undoCopyOut(sandbox, null) },
      });
  });
}

/** The user's newer changes into the workspace; *Undo* takes exactly that back. */
export function bringIn(sandbox: string): Promise<boolean> {
  return attempt(async () => {
    const { brought, merged, conflicts, of_git, safety } = await backend().bringIn(sandbox, newOperation());
    const kept =
      conflicts.length > 0
        ? ` ${count(conflicts.length, 'file')} you both changed ${conflicts.length === 1 ? 'stays' : 'stay'} as the agent has ${conflicts.length === 1 ? 'it' : 'them'}.`
        : of_git > 0
          ? ' git’s own records stay as they are in the workspace.'
          : '';
    if (safety === null) {
      const text = conflicts.length > 0 ? 'Nothing was brought in.' : 'The workspace has your latest edits already.';
      toasts.show(text + kept, { tone: 'notice' });
      return;
    }
    const together = merged.length > 0 ? `, ${merged.length} merged with the agent’s` : '';
    toasts.show(`Brought in ${count(brought.length, 'file')}${together}.${kept}`, {
      action: { label: 'Undo', run: () => void undoBringIn(sandbox) },
    });
  });
}

function undoBringIn(sandbox: string): Promise<boolean> {
  return attempt(async () => {
    const { conflicts } = await backend().undoBringIn(sandbox, newOperation());
    const text =
      conflicts.length > 0
        ? `Not undone: ${count(conflicts.length, 'file')} changed since. A snapshot from before is in the list.`
        : 'Your edits were taken out of the workspace again';
    toasts.show(text, conflicts.length > 0 ? { tone: 'notice' } : {});
  });
}

/** A new baseline from the folder as it is now; *Undo* goes back to the safety snapshot. */
export function startAgain(sandbox: SandboxRow): Promise<boolean> {
  return attempt(async () => {
    goingBack.add(sandbox.id);
    try {
      const report = await backend().startAgain(sandbox.id, newOperation());
      toasts.show('The workspace is as your folder is now', { action: undoOf(sandbox, report) });
    } finally {
      goingBack.delete(sandbox.id);
    }
  });
}

function undoOf(sandbox: SandboxRow, report: ResetReport): { label: string; run: () => void } {
  return {
    label: 'Undo',
    run: () =>
      void attempt(async () => {
        await goBack(sandbox.id, report.safety, newOperation());
        toasts.show('The workspace is as it was before');
      }),
  };
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
