/** A folder over the window, or dropped on it. */
import type { Stop } from '../ipc';
import { backend } from '../ipc/current';
import { router } from './router.svelte';
import { toasts } from './toasts.svelte';

class Drops {
  /** Something is held over the window. */
  over = $state(false);
}

export const drops = new Drops();

export function followDrops(): Promise<Stop> {
  return backend().onDrop(({ over, paths }) => {
    drops.over = over;
    if (!paths?.length || router.overlay === 'hand-over') return;
    if (paths.length > 1)
      toasts.show('Only the first folder is handed over; one sandbox has one project.', { tone: 'notice' });
    const [first] = paths;
    if (first !== undefined) router.handOver(first);
  });
}

/** The system's dialog, then the hand-over sheet. */
export async function chooseAndHandOver(): Promise<void> {
  try {
    const project = await backend().chooseFolder('Choose a folder to hand over');
    if (project !== null) router.handOver(project);
  } catch (cause) {
    toasts.failed(cause);
  }
}

export async function handOverSample(): Promise<void> {
  try {
    router.handOver(await backend().sampleProject());
  } catch (cause) {
    toasts.failed(cause);
  }
}
