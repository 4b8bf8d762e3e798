/** The environment image while it is prepared: how far, and how long it will still take. */
import { backend } from '../ipc/current';
import { app } from './app.svelte';

/** Seconds and shares of the way before which an estimate would be a guess. */
const SETTLED = 3;
const SEEN = 0.03;

/** How long the rest takes, by the pace since it was first looked at. */
export class Pace {
  #since: { at: number; fraction: number } | null = null;

  /** Seconds; null while it cannot be told. A way that begins anew is measured anew. */
  left(fraction: number | null, now: number): number | null {
    if (fraction === null) return (this.#since = null);
    if (this.#since === null || fraction < this.#since.fraction) this.#since = { at: now, fraction };
    const [took, went] = [(now - this.#since.at) / 1000, fraction - this.#since.fraction];
    if (took < SETTLED || went < SEEN || fraction >= 1) return null;
    return (took * (1 - fraction)) / went;
  }
}

/** Starts preparing where it is missing or failed. A failure arrives as the image's state. */
export async function prepareImageIfNeeded(): Promise<void> {
  if (app.engine.state !== 'running') return;
  if (app.image.state === 'ready' || app.image.state === 'preparing') return;
  await backend()
    .prepareImage()
    .catch(() => undefined);
}
