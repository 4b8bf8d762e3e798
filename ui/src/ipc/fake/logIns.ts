/** Log-ins that are used in several sandboxes. */
import type { KeyPlace, LogInRow, LogInState } from '../index';
import { unread } from './keys';
import type { Part } from './part';
import type { World } from './world';

const NAMES: Record<string, string> = { claude: 'Claude Code', codex: 'Codex', gemini: 'Gemini CLI' };

export function fakeLogIns(world: World): Part<'logIns' | 'logIn' | 'keepLogIn' | 'forgetLogIn'> {
  let rows: LogInRow[] = [];
  const state = (sandbox: string): LogInState => {
    const agent = world.rows.find((row) => row.id === sandbox)?.agent ?? 'shell';
    const kept = rows.find((row) => row.agent === agent) ?? null;
    return { agent: NAMES[agent] ?? agent, possible: agent in NAMES, kept, no_keychain: null };
  };
  return {
    logIns: () => (world.is('lists-fail') ? unread(world) : world.answer(rows)),
    logIn: (sandbox) => world.answer(state(sandbox)),
    keepLogIn: (sandbox, place: KeyPlace) => {
      const row = world.rows.find((one) => one.id === sandbox);
      if (!row || !(row.agent in NAMES))
        return world.fail('invalid_request', 'it is not known where it keeps its log-in');
      const kept = { agent: row.agent, name: NAMES[row.agent] ?? '', place, since: Date.now(), from: row.name };
      rows = [...rows.filter((one) => one.agent !== row.agent), kept];
      return world.answer(state(sandbox));
    },
    forgetLogIn: (agent) => {
      rows = rows.filter((row) => row.agent !== agent);
      return world.answer(rows);
    },
  };
}
