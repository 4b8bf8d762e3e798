/** What listens in the sandboxes; previews open nothing here. */
import type { PortRow } from '../index';
import type { Part } from './part';
import type { World } from './world';

export function fakePorts(world: World): Part<'listPorts' | 'openPreview' | 'awaitLogIn' | 'closePreview'> {
  const port = (number: number): PortRow => ({ number, listens: true, previewed: false, awaits_log_in: false });
  const rows = world.is('preview', 'preview-slow') ? [port(5173), port(9229)] : [];
  const change = (sandbox: string, number: number, to: Partial<PortRow>): Promise<void> => {
    const row = rows.find((one) => one.number === number);
    if (!row) return world.fail('invalid_request', `port ${number} cannot be opened`);
    Object.assign(row, to);
    world.emit({ type: 'ports', sandbox });
    return world.answer(undefined);
  };
  return {
    listPorts: () => world.answer(rows),
    openPreview: async (sandbox, number) => {
      if (world.is('preview-slow')) await new Promise(() => undefined);
      return change(sandbox, number, { previewed: true });
    },
    awaitLogIn: (sandbox, number) => {
      if (world.is('port-taken'))
        return world.fail('io', `Port ${number} of this computer is in use by another program.`, {
          fix: 'End that program, then try again.',
        });
      // What waits for the log-in may not listen yet.
      if (!rows.some((row) => row.number === number)) rows.push({ ...port(number), listens: false });
      return change(sandbox, number, { awaits_log_in: true });
    },
    closePreview: (sandbox, number) => change(sandbox, number, { previewed: false, awaits_log_in: false }),
  };
}
