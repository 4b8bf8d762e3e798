/** What sandboxes may reach: the lists, the rules, and a question in the states that show one. */
import type { ProxyState, SiteAsk, SiteRules, SitesForAll } from '../index';
import { unread } from './keys';
import type { Part } from './part';
import type { World } from './world';

/** As the engine's connections. */
const patience = 60;

const PRESETS = [
  { id: 'python', name: 'Python packages', what: 'pip and uv install from PyPI', hosts: ['pypi.org'] },
  {
    id: 'javascript',
    name: 'JavaScript packages',
    what: 'npm installs from its registry',
    hosts: ['registry.npmjs.org'],
  },
  { id: 'github', name: 'GitHub (can also send)', what: 'git clones over https', hosts: ['github.com'] },
];

type Names =
  'proxy' | 'setProxy' | 'siteAsks' | 'answerSite' | 'siteRules' | 'changeSites' | 'sitesForAll' | 'forgetSiteForAll';

export function fakeNetwork(world: World): Part<Names> {
  const bySandbox = new Map<string, SiteRules>();
  const rulesOf = (sandbox: string): SiteRules => {
    let rules = bySandbox.get(sandbox);
    if (!rules) bySandbox.set(sandbox, (rules = startingRules(world, sandbox)));
    return rules;
  };
  const everywhere: SitesForAll = { allow: ['docs.python.org'], block: [] };
  const row = world.rows.find((other) => other.network === 'approved');
  let asks: SiteAsk[] =
    row && world.is('site-prompt', 'site-prompts')
      ? [
          { id: 1, host: 'holidays.example', claim: 'curl/8.14.1', known_for: null },
          { id: 2, host: 'crates.io', claim: 'cargo 1.95', known_for: 'Rust crates' },
          { id: 3, host: 'fonts.example', claim: null, known_for: null },
        ]
          .slice(0, world.is('site-prompts') ? 3 : 1)
          .map((ask) => ({ ...ask, sandbox: row.id, port: 443, patience }))
      : [];
  let used: string | null = null;
  const proxy = (): Promise<ProxyState> =>
    world.answer({ used, offered: 'http://proxy.office.example:3128', unusable: null });
  return {
    proxy,
    setProxy: (next) => {
      if (next !== null && !/^http:\/\/[a-z0-9.-]+:\d+$/.test(next))
        return world.fail('invalid_request', 'a proxy is written http://HOST:PORT');
      used = next;
      return proxy();
    },
    siteAsks: () => world.answer(asks),
    answerSite: async (sandbox, ask, answer, forAll) => {
      const found = asks.find((one) => one.id === ask);
      if (!found) return world.fail('not_found', `there is no question ${ask}`);
      const rules = forAll ? everywhere : rulesOf(sandbox);
      if (answer === 'always') rules.allow.push(found.host);
      if (answer === 'block') rules.block.push(found.host);
      asks = asks.filter((one) => one.id !== ask);
      world.emit({ type: 'ask_ended', sandbox, ask });
      return world.answer(undefined);
    },
    siteRules: (sandbox) =>
      world.is('lists-fail') && sandbox === world.rows[1]?.id ? unread(world) : world.answer(rulesOf(sandbox)),
    sitesForAll: () => world.answer(everywhere),
    forgetSiteForAll: (rule) => {
      everywhere.allow = everywhere.allow.filter((one) => one !== rule);
      everywhere.block = everywhere.block.filter((one) => one !== rule);
      return world.answer(everywhere);
    },
    changeSites: async (sandbox, change) => {
      const rules = rulesOf(sandbox);
      const bad = [...change.allow, ...change.block].find((rule) => !/^(\*\.)?[a-z0-9.-]+\.[a-z]+(:\d+)?$/i.test(rule));
      if (bad) return world.fail('invalid_request', `“${bad}” is no site: write a host, for instance example.com`);
      if (change.mode) {
        rules.mode = change.mode;
        world.update(sandbox, { network: change.mode });
      }
      const { presets, services } = change;
      if (services) rules.services = services;
      if (presets) rules.presets = rules.presets.map((one) => ({ ...one, on: presets.includes(one.id) }));
      const gone = [...change.forget, ...change.allow, ...change.block];
      rules.allow = [...rules.allow.filter((rule) => !gone.includes(rule)), ...change.allow];
      rules.block = [...rules.block.filter((rule) => !gone.includes(rule)), ...change.block];
      return world.answer(rules);
    },
  };
}

function startingRules(world: World, sandbox: string): SiteRules {
  const row = world.rows.find((other) => other.id === sandbox);
  const first = row === world.rows[0];
  return {
    mode: row?.network ?? 'approved',
    presets: PRESETS.map((preset, at) => ({ ...preset, on: at < 2, usual: at < 2 })),
    allow: first ? ['html-validate.org'] : [],
    block: first ? ['fonts.gstatic.com'] : [],
    services: [],
  };
}
