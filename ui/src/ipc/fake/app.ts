/** The fake's own computer: engine, checks, image, clipboard. */
import type { Check, CheckId, EngineState, ImageState } from '../index';
import type { Part } from './part';
import { GB, HOME, LIMITS, MB } from './rows';
import type { World } from './world';

type Names =
  | 'appInfo'
  | 'runCheck'
  | 'finishFirstStart'
  | 'imageState'
  | 'prepareImage'
  | 'listImages'
  | 'subscribe'
  | 'onDrop'
  | 'cancelOperation'
  | 'openEngineApp'
  | 'openInFileManager'
  | 'openLink'
  | 'copyText'
  | 'readClipboard';

const LOG = [
  '14:02:11  Reading the list of layers',
  '14:02:12  Layer 1 of 6  base system            31 MB  done',
  '14:02:19  Layer 2 of 6  build tools           148 MB  done',
  '14:02:38  Layer 3 of 6  Node.js and Python    233 MB  233 of 233 MB',
  '14:02:57  Layer 4 of 6  agents                412 MB  0 of 412 MB',
];

export function fakeApp(world: World): Part<Names> {
  let clipboard = '';
  return {
    appInfo: () =>
      world.answer({
        version: '0.1.0',
        platform: 'linux',
        home: HOME,
        data_dir: `${HOME}/.local/share/agent-sandbox`,
        usual_limits: LIMITS,
        checked_before: !world.options.state.startsWith('first-start'),
        engine: engine(world),
      }),
    runCheck: (check) => world.answer(checkRow(world, check)),
    finishFirstStart: () => world.answer(undefined),
    imageState: () => world.answer(image(world)),
    prepareImage: async () => {
      for (const line of LOG) world.emit({ type: 'image_log', line });
      world.emit({ type: 'image', state: image(world) });
    },
    listImages: () => world.answer(['agent-sandbox/base:1', 'debian:stable-slim', 'node:22-bookworm', 'python:3.13']),
    subscribe: async (listener) => {
      const stop = world.subscribe(listener);
      if (world.options.state.startsWith('first-start'))
        for (const line of LOG) world.emit({ type: 'image_log', line });
      return stop;
    },
    onDrop: async (listener) => {
      const over = (event: DragEvent): void => {
        event.preventDefault();
        listener({ over: true, paths: null });
      };
      const leave = (): void => listener({ over: false, paths: null });
      const drop = (event: DragEvent): void => {
        event.preventDefault();
        const name = event.dataTransfer?.files[0]?.name ?? 'invoice-tools';
        listener({ over: false, paths: [`${HOME}/Projects/${name}`] });
      };
      window.addEventListener('dragover', over);
      window.addEventListener('dragleave', leave);
      window.addEventListener('drop', drop);
      return () => {
        window.removeEventListener('dragover', over);
        window.removeEventListener('dragleave', leave);
        window.removeEventListener('drop', drop);
      };
    },
    cancelOperation: async (operation) => world.cancel(operation),
    openEngineApp: () =>
      world.is('engine-app-fails')
        ? world.fail('engine_failed', 'Docker Desktop could not be started: its unit is not there.', {
            safe: 'Your folders and the sandboxes are as they were.',
            fix: 'Start it yourself, from the menu of your desktop; this window notices.',
          })
        : world.answer(undefined),
    openInFileManager: () => world.answer(undefined),
    openLink: () => world.answer(undefined),
    copyText: async (text) => {
      clipboard = text;
      await navigator.clipboard?.writeText(text).catch(() => undefined);
    },
    readClipboard: async () => clipboard,
  };
}

function engine(world: World): EngineState {
  if (world.is('engine-stopped'))
    return {
      state: 'unavailable',
      opens: 'Docker Desktop',
      error: {
        code: 'engine_not_running',
        message: 'Docker stopped answering at 14:46, while Claude Code was working. Agents stop when Docker stops.',
        safe: 'Your project, the workspace with its 15 changed files, all 8 snapshots and the terminal’s text. You can still review, copy out, undo and use snapshots.',
        fix: 'Open Docker Desktop and wait until it says “Engine running”. The sandbox then comes back by itself; Claude Code starts when you say so.',
        details: 'connect unix:///run/docker.sock: connection refused (os error 111)',
      },
    };
  if (world.is('engine-connecting')) return { state: 'connecting' };
  return {
    state: 'running',
    product: 'Docker',
    version: '27.3.1',
    cpus: 8,
    memory: 16 * GB,
    runtimes: world.is('runtimes') ? ['kata-runtime', 'runsc'] : [],
  };
}

function image(world: World): ImageState {
  if (world.options.state.startsWith('first-start'))
    return { state: 'preparing', phase: '412 MB of 1.1 GB', fraction: 0.38 };
  if (world.is('empty', 'hand-over')) return { state: 'preparing', phase: 'agents', fraction: 0.62 };
  return { state: 'ready', reference: 'agent-sandbox/base:1', bytes: 640 * MB };
}

function checkRow(world: World, id: CheckId): Check {
  if (id === 'engine') return engineCheck(world);
  if (id === 'disk') return diskCheck(world);
  return fenceCheck(world);
}

function fenceCheck(world: World): Check {
  const id = 'fence';
  if (world.is('first-start-no-engine', 'first-start-no-permission', 'first-start-not-running'))
    return {
      id,
      state: 'warning',
      figure: 'not tried',
      summary: 'It is tried as soon as the container engine answers.',
      tried: [],
    };
  if (world.is('first-start-fence'))
    return {
      id,
      state: 'failed',
      figure: '8 of 9 passed',
      summary:
        'A test sandbox reached your network, so no agent is started. Turn off “host networking” in the settings of your container engine, then check again.',
      tried: TRIED.map((probe, at) =>
        at === 4 ? { ...probe, happened: 'refused by what is there', ok: false } : probe,
      ),
    };
  return {
    id,
    state: 'ok',
    figure: '9 of 9 passed',
    summary:
      'It cannot see your files. It cannot reach your network. It cannot reach the internet except the sites you allow.',
    tried: TRIED,
  };
}

const TRIED = [
  { what: 'See your home folder (/home/mira)', happened: 'it is not there', ok: true },
  {
    what: 'See the folder of this app’s data (/home/mira/.local/share/agent-sandbox)',
    happened: 'it is not there',
    ok: true,
  },
  { what: 'See the container engine’s socket (/var/run/docker.sock)', happened: 'it is not there', ok: true },
  { what: 'Reach any network interface', happened: 'only its own loopback', ok: true },
  { what: 'Reach a neighbour on your network (192.168.1.1:80)', happened: 'there is no way there', ok: true },
  { what: 'Reach the internet (1.1.1.1:443)', happened: 'there is no way there', ok: true },
  { what: 'Reach a public name server (8.8.8.8:53)', happened: 'there is no way there', ok: true },
  {
    what: 'Reach a blocked site, by the gateway (fence-test.invalid:443)',
    happened: 'the gateway said no',
    ok: true,
  },
  { what: 'Reach an approved site, by the gateway (example.com:443)', happened: 'it was reached', ok: true },
];

function engineCheck(world: World): Check {
  if (world.is('first-start-no-engine'))
    return {
      id: 'engine',
      state: 'failed',
      figure: 'not found',
      summary:
        'Agents work inside containers, and no container engine is installed. Install one with this command, then check again. Docker Desktop and Podman work too.',
      command: 'sudo apt install docker.io',
      tried: [{ what: 'Look for /run/docker.sock', happened: 'Not there', ok: false }],
    };
  if (world.is('first-start-no-permission'))
    return {
      id: 'engine',
      state: 'failed',
      figure: 'no permission',
      summary:
        'Docker is running, but your account may not use it. Run this command, log out and in again, then check again.',
      command: 'sudo usermod -aG docker mira',
      tried: [{ what: 'Open /run/docker.sock', happened: 'Permission denied', ok: false }],
    };
  if (world.is('first-start-not-running', 'engine-app-fails'))
    return {
      id: 'engine',
      state: 'failed',
      figure: 'not running',
      summary: 'Docker is installed but does not run. Open Docker Desktop; this window notices when it runs.',
      opens: 'Docker Desktop',
      tried: [{ what: 'Open /run/docker.sock', happened: 'Connection refused', ok: false }],
    };
  return {
    id: 'engine',
    state: 'ok',
    figure: 'Docker 27.3.1',
    summary: 'Found and running, and your account may use it.',
    tried: [],
  };
}

function diskCheck(world: World): Check {
  if (!world.is('first-start'))
    return { id: 'disk', state: 'ok', figure: '84 GB free', summary: 'Enough for copies and snapshots.', tried: [] };
  return {
    id: 'disk',
    state: 'failed',
    figure: '1.2 GB free',
    summary:
      'Copies and snapshots need at least 5 GB in your home folder. Empty the Trash or move large files away until 5 GB are free, then check again.',
    tried: [],
  };
}
