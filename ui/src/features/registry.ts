/**
 * The features by name. A feature is a folder with an `Index.svelte`; it is drawn where the router says and gets
 * the sandbox that is looked at. Features do not import each other.
 *
 * Tabs of a sandbox (`work`, `review`, `conflict`, `snapshots`, `activity`) get `{ sandbox }` and fill the place below
 * the window bar. `settings` fills the place beside the sandbox list, bar included. `palette` is drawn while
 * `router.overlay` is `palette` or `shortcuts`, and closes by `router.closeOverlay()`.
 * A feature may export `prepare(sandbox)`, which is called before its tab is opened.
 */
import type { Component } from 'svelte';
import type { SandboxRow } from '../ipc';

export interface TabProps {
  sandbox: SandboxRow;
  [key: string]: unknown;
}

interface Loaded {
  default: Component<Record<string, unknown>>;
  /** Reads beforehand what the tab of a sandbox shows first. */
  prepare?: (sandbox: string) => Promise<void>;
}
const found = import.meta.glob<Loaded>('./*/Index.svelte');

export type FeatureName = 'work' | 'review' | 'conflict' | 'snapshots' | 'activity' | 'settings' | 'palette';

const loads = new Map<FeatureName, Promise<Loaded['default']>>();

/** Loads a feature's code once; rejects where it is not there yet. */
export function feature(name: FeatureName): Promise<Loaded['default']> {
  let load = loads.get(name);
  if (!load) {
    const file = found[`./${name}/Index.svelte`];
    load = file ? file().then((module) => module.default) : Promise.reject(new Error(`no feature ${name}`));
    loads.set(name, load);
  }
  return load;
}

/** Makes a tab ready that is likely to be opened next. One that cannot be made ready says so when it is opened. */
export async function prepare(name: FeatureName, sandbox: string): Promise<void> {
  const module = await found[`./${name}/Index.svelte`]?.().catch(() => undefined);
  await module?.prepare?.(sandbox);
}
