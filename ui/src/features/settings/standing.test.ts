import { cleanup, render, screen, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { backend, setBackend } from '../../ipc/current';
import type { Settings } from '../../ipc';
import { app } from '../../state/app.svelte';
import Network from './Network.svelte';
import { readStanding } from './standing';

afterEach(cleanup);
beforeEach(async () => {
  setBackend(fakeBackend().backend);
  await app.load();
});

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
    const read = async () => readStanding((await backend().listSandboxes()).slice(0, 2));

    const wanted = [
      'docs.python.org',
      'example.org',
      'GitHub (can also send)',
      'Port 11434 of this computer',
      'The key of openai',
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
});
