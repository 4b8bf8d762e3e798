/** The container engine's state in a few words. */
import type { EngineState } from '../ipc';

/** `product` is the engine that ran last, where one is known. */
export function engineWords(engine: EngineState, product: string | null = null): string {
  switch (engine.state) {
    case 'connecting':
      return product ? `Connecting to ${product}` : 'Looking for the engine';
    case 'running':
      return `${engine.product} ${short(engine.version)} running`;
    case 'unavailable':
      if (product && engine.error.code === 'engine_not_running') return `${product} is not running`;
      return UNAVAILABLE[engine.error.code] ?? 'Container engine not reachable';
  }
}

const UNAVAILABLE: Partial<Record<string, string>> = {
  engine_not_installed: 'No container engine',
  engine_not_running: 'Container engine not running',
  engine_no_permission: 'No permission for the engine',
  engine_unsupported: 'Container engine too old',
};

export function engineStatus(engine: EngineState): 'ok' | 'connecting' | 'attention' {
  return engine.state === 'running' ? 'ok' : engine.state === 'connecting' ? 'connecting' : 'attention';
}

/** 27.3.1+dfsg1 → 27.3 */
function short(version: string): string {
  return version.match(/^\d+(\.\d+)?/)?.[0] ?? version;
}
