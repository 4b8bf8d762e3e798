/** The sandboxes of the mockups. */
import type { SandboxRow } from '../index';

export const GB = 1024 ** 3;
export const MB = 1024 ** 2;
export const KB = 1024;
export const HOME = '/home/mira';
export const RYE = 'rye-and-salt';

export const LIMITS = {
  cpu_millis: 4000,
  memory: 4 * GB,
  processes: 512,
  file_size: 2 * GB,
  workspace_size: 50 * GB,
  workspace_files: 2_000_000,
};

const BASE: Omit<SandboxRow, 'id' | 'name' | 'project'> = {
  agent: 'claude',
  agent_name: 'Claude Code',
  status: 'idle',
  changed: 0,
  snapshots: 1,
  network: 'approved',
  limits: LIMITS,
  runtime: null,
  keys: [],
  image: null,
  created: Date.now() - 3_600_000,
  attention: null,
  watch_note: null,
};

function row(name: string, folder: string, more: Partial<SandboxRow>): SandboxRow {
  return { ...BASE, id: name, name, project: `${HOME}/${folder}/${name}`, ...more };
}

/** What is different in the first sandbox of a named situation. */
const SITUATIONS: Record<string, Partial<SandboxRow>> = {
  paused: { status: 'paused' },
  stopped: { status: 'stopped' },
  'disk-low': { status: 'attention', attention: { kind: 'disk_low', free: 0.9 * GB } },
  'workspace-large': { status: 'attention', attention: { kind: 'workspace_large', limit: 50 * GB, files: 2_000_000 } },
  'out-of-memory': { status: 'attention', attention: { kind: 'out_of_memory', limit: 4 * GB } },
  failed: {
    status: 'attention',
    attention: {
      kind: 'failed',
      error: {
        code: 'fence_open',
        message: 'A test in the sandbox reached your own network, so Claude Code was not started.',
        safe: 'Your folder, the workspace and all 8 snapshots. Nothing ran.',
        fix: 'Turn off “host networking” in the settings of your container engine, then start again.',
        details: 'probe: connect 192.168.1.1:80: connected, expected: network unreachable',
      },
    },
  },
  unchanged: { status: 'idle', changed: 0 },
  watching: { watch_note: 'Too many folders to watch; looked at every 10 s.' },
  hostile: { name: 'rye\u202egnp.tlas\u001b[31m\nand more', changed: 6 },
  large: { changed: 5_000 },
};

export function sampleRows(state: string): SandboxRow[] {
  const rows = usualRows(state === 'engine-stopped');
  if (state === 'twins')
    return [
      ...rows,
      row('rye-and-salt-2', 'Sites', { project: `${HOME}/Sites/${RYE}`, status: 'working', changed: 3 }),
    ];
  return rows.map((one) => (one.id === RYE ? { ...one, ...SITUATIONS[state] } : one));
}

function usualRows(engineStopped: boolean): SandboxRow[] {
  const rows = [
    row(RYE, 'Sites', { status: 'waiting', changed: 15, snapshots: 8 }),
    row('invoice-tools', 'Projects', {
      agent: 'codex',
      agent_name: 'Codex',
      status: 'working',
      changed: 4,
      snapshots: 3,
    }),
    row('spring-menu', 'Documents', { status: 'idle' }),
    row('wedding-orders', 'Documents', {
      agent: 'aider',
      agent_name: 'Aider',
      status: 'attention',
      changed: 9,
      snapshots: 5,
      attention: { kind: 'out_of_memory', limit: 4 * GB },
    }),
    row('flour-stock', 'Projects', {
      agent: 'shell',
      agent_name: 'Shell',
      status: 'stopped',
      changed: 27,
      snapshots: 2,
      network: 'offline',
    }),
  ];
  if (!engineStopped) return rows;
  return rows.map((other) => ({
    ...other,
    status: ['waiting', 'working'].includes(other.status) ? 'attention' : 'stopped',
    attention: null,
  }));
}
