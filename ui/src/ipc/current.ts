/** The backend in use. Set once by `main.ts`, or by a test before it mounts anything. */
import type { Backend } from './backend';

let current: Backend | undefined;

export function setBackend(backend: Backend): void {
  current = backend;
}

export function backend(): Backend {
  if (!current) throw new Error('no backend was set');
  return current;
}
