/** Every standing permission, of every sandbox and of all of them: what it is, whose, and how it is taken back. */
import type { LogInRow, SandboxRow, SiteChange, SiteRules, SitesForAll } from '../../ipc';
import { backend } from '../../ipc/current';
import { NOT_INSPECTABLE, opensUnseen } from '../../words/site';

export interface Standing {
  key: string;
  /** `pypi.org`, `Python packages`, `Port 11434 of this computer`. */
  what: string;
  /** Whose, and what it means. */
  whose: string;
  blocked: boolean;
  takeBack: () => Promise<unknown>;
}

const NO_CHANGE: SiteChange = { mode: null, presets: null, services: null, allow: [], block: [], forget: [] };

type Named = Pick<SandboxRow, 'id' | 'name' | 'keys'>;

/** Of one sandbox. An open network comes first: it is the widest. Taken back, it asks again. */
export function ofSandbox({ id, name, keys }: Named, rules: SiteRules): Standing[] {
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
    ...keys.map((provider) => ({
      key: `${id} key ${provider}`,
      what: `The key of ${provider}`,
      whose: `${name} · added to its requests, never shown to it`,
      blocked: false,
      takeBack: () =>
        backend().useKeys(
          id,
          keys.filter((other) => other !== provider),
        ),
    })),
    ...rules.block.map(site(true)),
  ];
}

function withPort(whose: string, rule: string, blocked: boolean): string {
  return !blocked && opensUnseen(rule) ? `${whose} · ${NOT_INSPECTABLE}` : whose;
}

/** Of all sandboxes, or of all that have one agent. */
export function ofAll(sites: SitesForAll, logIns: readonly LogInRow[]): Standing[] {
  const site = (blocked: boolean) => (rule: string) => ({
    key: `all ${rule}`,
    what: rule,
    whose: withPort('All sandboxes', rule, blocked),
    blocked,
    takeBack: () => backend().forgetSiteForAll(rule),
  });
  return [
    ...sites.allow.map(site(false)),
    ...logIns.map((one) => ({
      key: `log-in ${one.agent}`,
      what: `The log-in of ${one.name}`,
      whose: `All sandboxes with ${one.name}, from ${one.from}`,
      blocked: false,
      takeBack: () => backend().forgetLogIn(one.agent),
    })),
    ...sites.block.map(site(true)),
  ];
}

export async function readStanding(sandboxes: readonly Named[]): Promise<Standing[]> {
  const [sites, logIns, own] = await Promise.all([
    backend().sitesForAll(),
    backend().logIns(),
    Promise.all(sandboxes.map(async (sandbox) => ofSandbox(sandbox, await backend().siteRules(sandbox.id)))),
  ]);
  return [...ofAll(sites, logIns), ...own.flat()];
}
