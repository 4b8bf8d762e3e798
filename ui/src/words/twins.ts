/** Sandboxes of one project: what is copied out of one is a change of yours for the other. */
import type { SandboxRow } from '../ipc';
import { count } from './count';

/** The others of the same project, those with changes first. */
export function twinsOf(sandbox: SandboxRow, all: readonly SandboxRow[]): SandboxRow[] {
  return all
    .filter((row) => row.id !== sandbox.id && row.project === sandbox.project)
    .sort((a, b) => (b.changed ?? 0) - (a.changed ?? 0));
}

/** Said at the copy-out; null where there is no other one with changes. */
export function twinsWarning(twins: readonly SandboxRow[]): { names: string[]; text: string } | null {
  const changed = twins.filter((row) => (row.changed ?? 0) > 0);
  const [first] = changed;
  if (!first) return null;
  const files = count(
    changed.reduce((sum, row) => sum + (row.changed ?? 0), 0),
    'changed file',
  );
  const rest = 'What you copy out here counts as a change of yours there, and may be a conflict.';
  return {
    names: changed.map((row) => row.name),
    text:
      changed.length === 1
        ? `works on this folder too, with ${files}. ${rest}`
        : `work on this folder too, with ${files}. ${rest}`,
  };
}
