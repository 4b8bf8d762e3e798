/** The environment image while it is prepared: how far, and how long it will still take. */
import { backend } from '../ipc/current';
import { app } from './app.svelte';

/** Starts preparing where it is missing or failed. A failure arrives as the image's state. */
export async function prepareImageIfNeeded(): Promise<void> {
  if (app.engine.state !== 'running') return;
  if (app.image.state === 'ready' || app.image.state === 'preparing') return;
  await backend()
    .prepareImage()
    .catch(() => undefined);
}
