/** Preflight and creating. */
import type {
  AgentCard,
  AgentProblem,
  CreateRequest,
  HandOverChoices,
  Phase,
  Preflight,
  PutIn,
  SandboxRow,
  StaysOut,
} from '../index';
import type { Part } from './part';
import { GB, HOME, KB, LIMITS, MB } from './rows';
import type { World } from './world';

type Names =
  | 'chooseFolder'
  | 'recentProjects'
  | 'sampleProject'
  | 'preflight'
  | 'agents'
  | 'agentProblems'
  | 'updateAgent'
  | 'useTriedAgent'
  | 'createSandbox';

const STAYS_OUT: StaysOut[] = [
  out('.env', false, 'secret', 'may hold passwords', 1, 412, true, true),
  out('keys/drive-service.json', false, 'private_key', 'private key', 1, 2 * KB),
  out('.venv', true, 'rebuildable', 'can be rebuilt', 6214, 318 * MB),
  out('build', true, 'rebuildable', 'can be rebuilt', 212, 9.4 * MB),
  out('__pycache__', true, 'rebuildable', 'can be rebuilt', 41, 1.1 * MB),
  out('samples/2019.sock', false, 'special', 'not a regular file', 1, 0, false),
];

function out(
  text: string,
  is_dir: boolean,
  reason: StaysOut['reason'],
  why: string,
  files: number,
  bytes: number,
  switchable = true,
  placeholders_possible = false,
): StaysOut {
  return { path: { text }, is_dir, reason, why, files, bytes, switchable, placeholders_possible };
}

const AGENTS: readonly AgentCard[] = [
  card('shell', 'Shell', 'Needs nothing'),
  card('claude', 'Claude Code', 'Uses your Anthropic key'),
  card('codex', 'Codex', 'OpenAI account or key: needs a log-in'),
  card('gemini', 'Gemini CLI', 'Google account or key: needs a log-in'),
  card('opencode', 'OpenCode', 'Uses your Anthropic key'),
  card('aider', 'Aider', 'Uses your Anthropic key'),
  card('own', 'Own command', 'A command to run in the sandbox'),
];

const PROBLEMS: readonly AgentProblem[] = [
  {
    path: '/home/mira/.local/share/agent-sandbox/agents.toml',
    line: 12,
    what: 'the agent mine: "latest" is no version, for instance 1.2.3',
    fix: 'Mend it there; the other agents are not concerned',
  },
];

let agents: AgentCard[] = [];

function card(id: string, name: string, needs: string): AgentCard {
  const needs_network = id !== 'shell' && id !== 'own';
  return {
    id,
    name,
    needs,
    needs_network,
    available: true,
    unavailable_reason: null,
    memory: needs_network ? 2 * 1024 ** 3 : 0,
    version: needs_network ? '2.1.3' : null,
    tried: id === 'codex' ? '2.0.9' : null,
    keys:
      { claude: ['anthropic'], codex: ['openai'], gemini: ['google'] }[id] ??
      (needs_network ? ['anthropic', 'openai'] : []),
  };
}

function preflight(project: string, choices: HandOverChoices): Preflight {
  const chosen = new Map<string, PutIn>(choices.put_in.map((choice) => [choice.path.text, choice.how]));
  const moved = STAYS_OUT.filter((entry) => (chosen.get(entry.path.text) ?? 'leave_out') !== 'leave_out');
  const stays = STAYS_OUT.filter((entry) => !moved.includes(entry));
  const goes = [
    { path: { text: 'samples' }, is_dir: true, files: 143, bytes: 3.9 * MB, note: null },
    { path: { text: '.git' }, is_dir: true, files: 96, bytes: 1.7 * MB, note: 'never copied out' },
    { path: { text: 'src' }, is_dir: true, files: 14, bytes: 96 * KB, note: null },
    { path: { text: 'tests' }, is_dir: true, files: 22, bytes: 61 * KB, note: null },
    { path: { text: 'pyproject.toml' }, is_dir: false, files: 1, bytes: 2 * KB, note: null },
    ...moved.map(({ path, is_dir, files, bytes }) => ({
      path,
      is_dir,
      files,
      bytes,
      note: chosen.get(path.text) === 'placeholders' ? 'with placeholder values' : null,
    })),
  ];
  const sum = (list: { files: number; bytes: number }[], key: 'files' | 'bytes'): number =>
    list.reduce((total, entry) => total + entry[key], 0);
  return {
    project,
    suggested_name: project.slice(project.lastIndexOf('/') + 1),
    goes_in: goes,
    goes_in_more: 5,
    files: sum(goes, 'files') + 5,
    bytes: sum(goes, 'bytes') + 18 * KB,
    stays_out: stays,
    out_files: sum(stays, 'files'),
    out_bytes: sum(stays, 'bytes'),
    has_gitignore: true,
    warnings: [],
    free: 84 * GB,
    default_limits: LIMITS,
    default_network: 'approved',
    default_agent: 'claude',
    remembered: [],
    folder_images: [
      { kind: 'dockerfile', file: { text: 'Dockerfile' }, image: null, not_obeyed: [], unusable: null },
      {
        kind: 'devcontainer',
        file: { text: '.devcontainer/devcontainer.json' },
        image: 'mcr.microsoft.com/devcontainers/python:3.13',
        not_obeyed: ['mounts', 'postCreateCommand'],
        unusable: null,
      },
    ],
  };
}

export function fakeHandOver(world: World): Part<Names> {
  agents = [...AGENTS];
  return {
    chooseFolder: () => world.answer(`${HOME}/Projects/invoice-tools`),
    recentProjects: () => world.answer(world.is('empty', 'first-start') ? [] : [`${HOME}/Sites/rye-and-salt`]),
    sampleProject: () => world.answer(`${HOME}/rye-and-salt`),
    preflight: (project, choices) =>
      project.endsWith('/missing')
        ? world.fail('project_unusable', 'There is no folder at this place.', {
            safe: 'Nothing was made.',
            fix: 'Choose another folder.',
          })
        : world.answer(preflight(project, choices)),
    agents: () => world.answer(agents),
    agentProblems: () => world.answer(world.is('agent-problem') ? [...PROBLEMS] : []),
    updateAgent: (agent, operation) => update(world, agent, operation),
    useTriedAgent: (agent) => world.answer(take(agent, agents.find(({ id }) => id === agent)?.tried ?? null, null)),
    createSandbox: (request) => create(world, request),
  };
}

/** Takes a version, in this page only. */
function take(agent: string, version: string | null, tried: string | null): AgentCard[] {
  agents = agents.map((card) => (card.id === agent ? { ...card, version, tried } : card));
  return agents;
}

async function update(world: World, agent: string, operation: string): Promise<AgentCard[]> {
  const name = AGENTS.find(({ id }) => id === agent)?.name ?? agent;
  for (let step = 0; step < 6; step += 1) {
    if (world.isCancelled(operation)) {
      world.emit({ type: 'image', state: { state: 'ready', reference: 'agent-sandbox/base:1', bytes: 812 * MB } });
      return world.fail('cancelled', 'Cancelled.');
    }
    world.emit({ type: 'image', state: { state: 'preparing', phase: `Installing ${name}`, fraction: null } });
    if (world.is('updating')) await new Promise((resolve) => setTimeout(resolve, 500));
    await world.pass(world.options.latency);
  }
  world.emit({ type: 'image', state: { state: 'ready', reference: 'agent-sandbox/base:1', bytes: 812 * MB } });
  return world.answer(take(agent, '2.2.0', '2.1.3'));
}

async function create(world: World, request: CreateRequest): Promise<SandboxRow> {
  const phases: [Phase, number, number][] = [
    ['copying', 281, 5.8 * MB],
    ['baseline', 281, 0],
    ['preparing', 0, 0],
    ['starting', 0, 0],
  ];
  for (const [phase, entries_total, bytes_total] of phases) {
    const steps = bytes_total > 0 ? 20 : 4;
    for (let step = 0; step <= steps; step += 1) {
      if (world.isCancelled(request.operation)) return world.fail('cancelled', 'Cancelled.');
      const part = step / steps;
      world.emit({
        type: 'progress',
        report: {
          operation: request.operation,
          phase,
          entries: Math.round(entries_total * part),
          entries_total,
          bytes: Math.round(bytes_total * part),
          bytes_total,
          seconds_left: bytes_total > 0 ? Math.ceil((steps - step) / 4) : null,
        },
      });
      if (world.is('hand-over') && phase === 'copying' && step === 9) await new Promise(() => undefined);
      await world.pass(world.options.latency);
    }
  }
  const row: SandboxRow = {
    id: crypto.randomUUID(),
    name: request.name,
    project: request.project,
    agent: request.agent,
    agent_name: AGENTS.find((agent) => agent.id === request.agent)?.name ?? request.agent,
    status: 'idle',
    changed: 0,
    snapshots: 1,
    network: request.network,
    limits: request.limits,
    runtime: request.runtime,
    keys: request.keys,
    image: request.image,
    created: Date.now(),
    attention: null,
    watch_note: null,
  };
  world.rows.unshift(row);
  world.emit({ type: 'sandbox', row });
  return world.answer(row);
}
