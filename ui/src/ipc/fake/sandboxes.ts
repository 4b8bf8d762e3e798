/** Sandboxes: their life, files and readings. */
import type { SandboxStatus } from '../index';
import { changesOf, folderOf, fileOf, findIn } from './files';
import type { Part } from './part';
import { GB, KB, MB } from './rows';
import type { World } from './world';

type Names =
  | 'listSandboxes'
  | 'startSandbox'
  | 'stopSandbox'
  | 'restartSandbox'
  | 'pauseSandbox'
  | 'resumeSandbox'
  | 'renameSandbox'
  | 'reshape'
  | 'removeSandbox'
  | 'listFolder'
  | 'findFiles'
  | 'readFile'
  | 'liveChanges'
  | 'watchStats'
  | 'processes';

export function fakeSandboxes(world: World): Part<Names> {
  const become = async (sandbox: string, status: SandboxStatus): Promise<void> => {
    await world.pass(world.options.latency);
    world.update(sandbox, { status, attention: null });
  };
  return {
    listSandboxes: () => world.answer(world.rows),
    startSandbox: (sandbox) => become(sandbox, 'idle'),
    stopSandbox: (sandbox) => become(sandbox, 'stopped'),
    restartSandbox: (sandbox) => become(sandbox, 'idle'),
    pauseSandbox: (sandbox) => become(sandbox, 'paused'),
    resumeSandbox: (sandbox) => become(sandbox, 'idle'),
    renameSandbox: async (sandbox, name) => world.update(sandbox, { name }),
    reshape: async (sandbox, limits, runtime) => world.update(sandbox, { limits, runtime }),
    removeSandbox: async (sandbox) => {
      world.rows = world.rows.filter((row) => row.id !== sandbox);
      world.emit({ type: 'sandbox_removed', sandbox });
    },
    listFolder: (_sandbox, folder) => world.answer(folderOf(world, folder?.text ?? '')),
    findFiles: (_sandbox, query, limit) => world.answer(findIn(world, query, limit)),
    readFile: (_sandbox, path) => world.answer(fileOf(path)),
    liveChanges: (sandbox) => world.answer(changesOf(world, sandbox)),
    watchStats: async (sandbox, listener) => watch(world, sandbox, listener),
    processes: () =>
      world.answer([
        { pid: 1, command: 'sandbox-guest', cpu_time: '0:00', memory: 2 * MB },
        { pid: 14, command: 'claude', cpu_time: '1:12', memory: 412 * MB },
        { pid: 96, command: 'node dev-server.js', cpu_time: '0:09', memory: 181 * MB },
        { pid: 143, command: 'bash', cpu_time: '0:00', memory: 4 * MB },
        { pid: 201, command: 'curl -s https://holidays.example/AT/2027', cpu_time: '0:00', memory: 11 * MB },
      ]),
  };
}

/** A walk that looks like readings; the same every time, so that pictures can be compared. */
function watch(world: World, sandbox: string, listener: Parameters<Part<'watchStats'>['watchStats']>[1]): () => void {
  const status = world.rows.find((row) => row.id === sandbox)?.status;
  if (world.is('engine-stopped') || status === 'stopped') {
    listener(null);
    return () => undefined;
  }
  let seed = 7;
  const next = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  let cpu = 1.1;
  let received = 120;
  const tick = (): void => {
    cpu = Math.min(3.2, Math.max(0.4, cpu + (next() - 0.5) * 0.5 + (1.4 - cpu) * 0.1));
    received = Math.min(460, Math.max(4, received + (next() - 0.5) * 170 + (140 - received) * 0.3));
    listener({
      cpu,
      memory: 1.2 * GB + next() * 60 * MB,
      processes: world.is('processes-full') ? 512 : 22 + Math.round(next() * 2),
      received: received * KB,
      sent: (8 + next() * 40) * KB,
    });
  };
  for (let at = 0; at < 60; at += 1) tick();
  const timer = setInterval(tick, 1000);
  return () => clearInterval(timer);
}
