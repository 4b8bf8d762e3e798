/** Settings and disk use. */
import type { AtLogin, Settings } from '../index';
import type { Part } from './part';
import { GB, HOME, MB } from './rows';
import type { World } from './world';

type Names =
  | 'settings'
  | 'saveSettings'
  | 'startsAtLogin'
  | 'startAtLogin'
  | 'dataFolder'
  | 'chooseDataFolder'
  | 'usualDataFolder'
  | 'useDataFolder'
  | 'diskUse'
  | 'removeEverythingPreview'
  | 'removeEverything';

export const SETTINGS: Settings = {
  theme: 'system',
  text_size: 100,
  reduce_motion: false,
  on_close: 'go_on',
  notify_finished: true,
  notify_waiting: true,
  notify_site: true,
  default_agent: 'claude',
  default_network: 'approved',
  default_limits: null,
  image: null,
  packages: [],
  single_keys: true,
  terminal_font_size: 12,
  copy_on_select: false,
  keep_backups_days: 30,
  auto_snapshots: true,
};

export function fakeSettings(world: World): Part<Names> {
  let settings = { ...SETTINGS };
  let atLogin = false;
  const login = (): AtLogin => ({ on: atLogin });
  return {
    settings: () => world.answer(settings),
    saveSettings: async (next) => {
      settings = next;
      world.emit({ type: 'settings', settings });
      return world.answer(settings);
    },
    startsAtLogin: () => world.answer(login()),
    startAtLogin: async (on) => {
      if (world.is('login-list-fails'))
        return world.fail('io', 'The app could not be put on the system’s list of what starts at login.', {
          safe: 'Nothing else was changed.',
        });
      atLogin = on;
      return world.answer(login());
    },
    dataFolder: () =>
      world.answer({
        path: world.is('other-disk') ? '/media/mira/Archive/Agent Sandbox data' : `${HOME}/.local/share/agent-sandbox`,
        free: world.is('disk-low', 'first-start') ? 1.2 * GB : 84 * GB,
        chosen: world.is('other-disk'),
      }),
    chooseDataFolder: async () =>
      world.is('unfit-disk')
        ? world.fail(
            'invalid_request',
            'The disk of /media/mira/STICK cannot keep permissions, which copies of your folders need; choose a disk that is formatted for this system.',
            { safe: 'Nothing was moved and nothing was changed.' },
          )
        : world.answer({ path: '/media/mira/Archive/Agent Sandbox data', free: 412 * GB, known: false }),
    usualDataFolder: () => world.answer({ path: `${HOME}/.local/share/agent-sandbox`, free: 84 * GB, known: true }),
    useDataFolder: () => world.answer(undefined),
    diskUse: () =>
      world.answer({
        free: 84 * GB,
        store: 640 * MB,
        images: 1.1 * GB,
        sandboxes: world.rows.map((row, at) => ({
          sandbox: row.id,
          name: row.name,
          workspace: (38 + at * 71) * MB,
          home: (12 + at * 9) * MB,
          snapshots: (21 + at * 13) * MB,
          trash: at * 3 * MB,
          backups: at * 2 * MB,
        })),
      }),
    removeEverythingPreview: () => world.answer([`${world.rows.length} sandboxes`, 'The environment image']),
    removeEverything: () => world.answer(undefined),
  };
}
