/** What keeps a sandbox apart, in words: the container engine's runtimes. */
import type { EngineState } from '../ipc';
import { shown } from './hidden';

export interface RuntimeChoice {
  /** Empty: the engine's own. */
  value: string;
  label: string;
}

const GVISOR = 'A kernel of its own, run as a program: less of this computer can be attacked. Files are slower.';
const KATA = 'A small virtual machine of its own: the strongest wall. It starts slower and takes more memory.';
const OWN = 'The fence as it was tested on this computer. Right for nearly everybody.';
const OTHER = 'Another runtime of your container engine. The fence is tested with it before anything starts.';

function known(name: string): { name: string; what: string } | null {
  if (/runsc|gvisor/i.test(name)) return { name: 'gVisor', what: GVISOR };
  if (/kata/i.test(name)) return { name: 'Kata Containers', what: KATA };
  return null;
}

/** `gVisor (runsc)` */
export function runtimeName(runtime: string | null): string {
  if (runtime === null || runtime === '') return 'As usual';
  const found = known(runtime);
  return found ? `${found.name} (${shown(runtime)})` : shown(runtime);
}

export function runtimeWords(runtime: string | null): string {
  if (runtime === null || runtime === '') return OWN;
  return known(runtime)?.what ?? OTHER;
}

/** All that can be chosen; one that is in force stays among them. A single one is no choice. */
export function runtimeChoices(engine: EngineState, now: string | null): RuntimeChoice[] {
  const offered = engine.state === 'running' ? engine.runtimes : [];
  const names = ['', ...offered, ...(now !== null && !offered.includes(now) ? [now] : [])];
  return names.map((value) => ({ value, label: runtimeName(value) }));
}
