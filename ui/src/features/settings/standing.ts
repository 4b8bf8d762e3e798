/** Every standing permission, of every sandbox and of all of them: what it is, whose, and how it is taken back. */
import type { AgentCard, KeyRow, LogInRow, SandboxRow, SiteChange, SiteRules, SitesForAll, WireError } from '../../ipc';
import { backend } from '../../ipc/current';
import { list } from '../../words/count';
import { asWireError } from '../../words/errors';
import { NOT_INSPECTABLE, opensUnseen } from '../../words/site';
import { usersOf } from './kept';

export interface Standing {
  key: string;
  /** `pypi.org`, `Python packages`, `Port 11434 of this computer`. */
  what: string;
  /** Whose, and what it means. */
  whose: string;
  blocked: boolean;
  takeBack: () => Promise<unknown>;
}

/** Permissions that could not be read: they may stand all the same. */
export interface Unread {
  /** `The permissions of flour-stock`. */
  what: string;
  error: WireError;
}

export interface AllStanding {
  list: Standing[];
  unread: Unread[];
}

const NO_CHANGE: SiteChange = { mode: null, presets: null, services: null, allow: [], block: [], forget: [] };

type Named = Pick<SandboxRow, 'id' | 'name' | 'keys'>;

/** Of one sandbox. An open network comes first: it is the widest. Taken back, it asks again. */
export function ofSandbox({ id, name }: Named, rules: SiteRules): Standing[] {
  const change = (part: Partial<SiteChange>) => () => backend().changeSites(id, { ...NO_CHANGE, ...part });
  const on = rules.presets.filter((preset) => preset.on).map((preset) => preset.id);
  const site = (blocked: boolean) => (rule: string) => ({
    key: `${id} ${rule}`,
    what: rule,
    whose: withPort(name, rule, blocked),
    blocked,
    takeBack: change({ forget: [rule] }),
  });
  return [
    ...(rules.mode === 'open'
      ? [
          {
            key: `${id} open`,
            what: 'Any public site',
            whose: `${name} · its network is open`,
            blocked: false,
            takeBack: change({ mode: 'approved' }),
          },
        ]
      : []),
    ...rules.allow.map(site(false)),
    ...rules.presets
      .filter((preset) => preset.on)
      .map((preset) => ({
        key: `${id} list ${preset.id}`,
        what: preset.name,
        whose: `${name} · ${preset.what}`,
        blocked: false,
        takeBack: change({ presets: on.filter((other) => other !== preset.id) }),
      })),
    ...rules.services.map((port) => ({
      key: `${id} port ${port}`,
      what: `Port ${port} of this computer`,
      whose: name,
      blocked: false,
      takeBack: change({ services: rules.services.filter((other) => other !== port) }),
    })),
    ...rules.block.map(site(true)),
  ];
}

function withPort(whose: string, rule: string, blocked: boolean): string {
  return !blocked && opensUnseen(rule) ? `${whose} · ${NOT_INSPECTABLE}` : whose;
}

/** Keys that were given to one sandbox besides those of its agent; known without asking. */
export function extraKeys({ id, name, keys }: Named): Standing[] {
  return keys.map((provider) => ({
    key: `${id} key ${provider}`,
    what: `The key of ${provider}`,
    whose: `${name} · added to its requests, never shown to it`,
    blocked: false,
    takeBack: () =>
      backend().useKeys(
        id,
        keys.filter((other) => other !== provider),
      ),
  }));
}

/** Kept keys that agents use by themselves, in every sandbox of theirs. Taken back by forgetting the key. */
export function agentsKeys(rows: readonly KeyRow[], agents: readonly AgentCard[]): Standing[] {
  return rows.flatMap(({ provider, name, kept }) => {
    const users = usersOf(provider, agents);
    if (!kept || users.length === 0) return [];
    const what = kept.place === 'nowhere' ? 'The model server' : `The key of ${name}`;
    return {
      key: `agents' key ${provider}`,
      what: provider === 'own' ? `${what} ${kept.server ?? ''}`.trim() : what,
      whose: `All sandboxes with ${list(users)} · never shown to them; taken back, it is forgotten`,
      blocked: false,
      takeBack: () => backend().removeKey(provider),
    };
  });
}

/** Of all sandboxes. */
export function sitesOfAll(sites: SitesForAll): Standing[] {
  const site = (blocked: boolean) => (rule: string) => ({
    key: `all ${rule}`,
    what: rule,
    whose: withPort('All sandboxes', rule, blocked),
    blocked,
    takeBack: () => backend().forgetSiteForAll(rule),
  });
  return [...sites.allow.map(site(false)), ...sites.block.map(site(true))];
}

/** Of all that have one agent. */
export function keptLogIns(logIns: readonly LogInRow[]): Standing[] {
  return logIns.map((one) => ({
    key: `log-in ${one.agent}`,
    what: `The log-in of ${one.name}`,
    whose: `All sandboxes with ${one.name}, from ${one.from}`,
    blocked: false,
    takeBack: () => backend().forgetLogIn(one.agent),
  }));
}

/** What cannot be read is said, and hides nothing of the rest. */
export async function readStanding(sandboxes: readonly Named[]): Promise<AllStanding> {
  const unread: Unread[] = [];
  const part = async (what: string, read: () => Promise<Standing[]>): Promise<Standing[]> => {
    try {
      return await read();
    } catch (cause) {
      unread.push({ what, error: asWireError(cause) });
      return [];
    }
  };
  const parts = await Promise.all([
    part('The sites of all sandboxes', async () => sitesOfAll(await backend().sitesForAll())),
    part('The kept log-ins', async () => keptLogIns(await backend().logIns())),
    part('The kept keys', async () => {
      const [{ rows }, agents] = await Promise.all([backend().keys(), backend().agents()]);
      return agentsKeys(rows, agents);
    }),
    ...sandboxes.map(async (sandbox) => [
      ...(await part(`The sites and ports of ${sandbox.name}`, async () =>
        ofSandbox(sandbox, await backend().siteRules(sandbox.id)),
      )),
      ...extraKeys(sandbox),
    ]),
  ]);
  return { list: parts.flat(), unread };
}
