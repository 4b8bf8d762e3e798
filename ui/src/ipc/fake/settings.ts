/** Settings and disk use. */
import type { Settings } from '../index';
import type { Part } from './part';
import { GB, MB } from './rows';
import type { World } from './world';

type Names = 'settings' | 'saveSettings' | 'diskUse' | 'removeEverythingPreview' | 'removeEverything';

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
  return {
    settings: () => world.answer(settings),
    saveSettings: async (next) => {
      settings = next;
      world.emit({ type: 'settings', settings });
      return world.answer(settings);
    },
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
          trash: at * 3 * MB,
          backups: at * 2 * MB,
        })),
      }),
    removeEverythingPreview: () => world.answer([`${world.rows.length} sandboxes`, 'The environment image']),
    removeEverything: () => world.answer(undefined),
  };
}
