import { cleanup, render, screen, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { backend, setBackend } from '../../ipc/current';
import type { Settings } from '../../ipc';
import { app } from '../../state/app.svelte';
import General from './General.svelte';
import Network from './Network.svelte';
import { readStanding } from './standing';

afterEach(cleanup);
beforeEach(async () => {
  setBackend(fakeBackend().backend);
  await app.load();
});

/** What stands beside *None*. */
const NONE = /^What you allow for longer than once/;

const change = { mode: null, presets: null, services: null, allow: [], block: [], forget: [] };

describe('standing permissions', () => {
  it('are in one list whatever they are, and each is gone when it is taken back', async () => {
    const [first, second] = app.sandboxes.map((row) => row.id) as [string, string];
    await backend().changeSites(first, {
      ...change,
      allow: ['example.org', 'code.example:22'],
      block: ['ads.example'],
      services: [11434],
    });
    await backend().changeSites(first, { ...change, presets: ['github'] });
    await backend().changeSites(second, { ...change, mode: 'open' });
    await backend().useKeys(second, ['openai']);
    await backend().keepLogIn(first, 'file');
    const read = async () => (await readStanding((await backend().listSandboxes()).slice(0, 2))).list;

    const wanted = [
      'docs.python.org',
      'example.org',
      'GitHub (can also send)',
      'Port 11434 of this computer',
      'The key of openai',
      'The key of Anthropic',
      'Any public site',
    ];
    const all = await read();
    for (const what of wanted) expect(all.map((one) => one.what)).toContain(what);
    expect(all.find((one) => one.what === 'ads.example')?.blocked).toBe(true);
    expect(all.find((one) => one.what === 'code.example:22')?.whose).toContain('not inspectable');
    expect(all.find((one) => one.what === 'example.org')?.whose).not.toContain('not inspectable');
    expect(all.some((one) => one.what.startsWith('The log-in of'))).toBe(true);
    for (let left = all.length; left > 0;) {
      const [one] = await read();
      await one?.takeBack();
      const now = (await read()).length;
      expect(now).toBe(left - 1);
      left = now;
    }
  });

  it('are taken back by a button that says which', async () => {
    render(Network, { settings: app.settings as Settings });
    const row = await screen.findByText('docs.python.org');
    const button = screen.getByRole('button', { name: 'Take back docs.python.org (All sandboxes)' });
    expect(within(button).getByText('Take back')).toBeVisible();
    await userEvent.click(button);
    await expect.poll(() => row.isConnected).toBe(false);
  });

  it('list the keys that agents use by themselves; taken back, the key is forgotten', async () => {
    const [key] = (await readStanding([])).list.filter((one) => one.what === 'The key of Anthropic');
    expect(key?.whose).toContain('All sandboxes with Claude Code, OpenCode and Aider');
    await key?.takeBack();
    expect((await backend().keys()).rows.find((row) => row.provider === 'anthropic')?.kept).toBeNull();
  });

  it('are said to be none where there is none', async () => {
    setBackend({
      ...backend(),
      sitesForAll: async () => ({ allow: [], block: [] }),
      keys: async () => ({ rows: [], no_keychain: null }),
    });
    app.sandboxes = [];
    render(Network, { settings: app.settings as Settings });
    expect(await screen.findByText(NONE)).toBeInTheDocument();
  });

  it('are not said to be none while they are read', async () => {
    setBackend({ ...backend(), sitesForAll: () => new Promise(() => undefined) });
    render(Network, { settings: app.settings as Settings });
    expect(await screen.findByText('The list is being read.')).toBeInTheDocument();
    expect(screen.queryByText(NONE)).toBeNull();
  });

  it('that cannot be read are said, hide nothing else, and are read again when asked', async () => {
    const { backend: fake, world } = fakeBackend({ state: 'lists-fail' });
    setBackend(fake);
    await app.load();
    const second = app.sandboxes[1]?.name ?? '';
    render(Network, { settings: app.settings as Settings });
    await screen.findByText(`The sites and ports of ${second} could not be read`);
    const said = screen.getAllByRole('alert').map((one) => one.textContent);
    expect(said).toHaveLength(3);
    for (const what of ['The kept log-ins', 'The kept keys']) expect(said.join()).toContain(what);
    expect(screen.getByText('html-validate.org'), 'of another sandbox').toBeInTheDocument();
    expect(screen.getByText('docs.python.org'), 'of all sandboxes').toBeInTheDocument();
    expect(screen.queryByText(NONE)).toBeNull();
    world.options.state = '';
    await userEvent.click(screen.getByLabelText('Read again: The kept keys'));
    await expect.poll(() => screen.queryAllByRole('alert')).toEqual([]);
    expect(screen.getByText('The key of Anthropic')).toBeInTheDocument();
  });

  it('of a sandbox that is handed over meanwhile are there too', async () => {
    render(Network, { settings: app.settings as Settings });
    await screen.findByText('docs.python.org');
    const [first] = app.sandboxes;
    if (!first) throw new Error('no sandbox');
    await backend().changeSites('later', { ...change, allow: ['later.example'] });
    app.setSandbox({ ...first, id: 'later', name: 'later' });
    await screen.findByText('later.example');
  });
});

describe('the network of new sandboxes', () => {
  const now = () => app.settings?.default_network;

  it('is opened only after a question, whose safe answer has the focus', async () => {
    const { rerender } = render(Network, { settings: app.settings as Settings });
    const group = () => screen.getByRole('group', { name: 'Network of new sandboxes', hidden: true });
    const open = () => within(group()).getByRole('button', { name: 'Open', hidden: true });
    await userEvent.click(open());
    await expect.poll(() => document.activeElement?.textContent).toContain('Keep Approved sites');
    await userEvent.keyboard('{Enter}');
    expect(now()).toBe('approved');
    expect(open()).toHaveAttribute('aria-pressed', 'false');
    await userEvent.click(open());
    await userEvent.click(await screen.findByTestId('open-network'));
    await expect.poll(now).toBe('open');
    await rerender({ settings: app.settings as Settings });
    expect(open()).toHaveAttribute('aria-pressed', 'true');
    await userEvent.click(within(group()).getByRole('button', { name: 'Offline' }));
    await expect.poll(now).toBe('offline');
  });

  it('is asked about on the first page too, and a choice that is not taken is not shown', async () => {
    render(General, { settings: app.settings as Settings });
    const select = screen.getByLabelText<HTMLSelectElement>('Network');
    await userEvent.selectOptions(select, 'Open');
    await userEvent.click(await screen.findByTestId('keep-network'));
    expect(now()).toBe('approved');
    await expect.poll(() => select.selectedOptions[0]?.text).toBe('Approved sites');
  });
});
