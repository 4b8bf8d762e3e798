import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { backend, setBackend } from '../../ipc/current';
import { app } from '../../state/app.svelte';
import ActivityAskRow from '../activity/ActivityAskRow.svelte';
import NetworkSheet from './NetworkSheet.svelte';
import SiteAskRow from './SiteAskRow.svelte';
import SitePrompt from './SitePrompt.svelte';

afterEach(cleanup);

async function start(): Promise<string> {
  const { backend: fake, world } = fakeBackend({ state: 'site-prompts' });
  setBackend(fake);
  await app.load();
  const row = world.rows.find((other) => other.network === 'approved');
  if (!row) throw new Error('no sandbox with approved sites');
  return row.id;
}

describe('the site prompt', () => {
  it('names program and site, takes no focus, and one answer brings the next question', async () => {
    const sandbox = await start();
    render(SitePrompt, { sandbox });
    const prompt = await screen.findByTestId('site-prompt');
    expect(prompt.textContent).toContain('holidays.example');
    expect(prompt.textContent).toContain('curl/8.14.1');
    expect(prompt.contains(document.activeElement)).toBe(false);
    expect(screen.getAllByRole('status')[0]?.textContent).toContain('and 2 more wait');
    await userEvent.click(screen.getByText('2 more'));
    expect(screen.getAllByTestId('site-prompt').map((one) => one.textContent)).toHaveLength(3);
    await userEvent.click(screen.getByText('show one'));
    await userEvent.click(screen.getByTestId('site-once'));
    await waitFor(() => expect(screen.getByTestId('site-prompt').textContent).toContain('crates.io'));
    expect(screen.getByTestId('site-prompt').textContent).toContain('Rust crates');
    await userEvent.click(screen.getByTestId('site-block'));
    await waitFor(() => expect(screen.getByTestId('site-prompt').textContent).toContain('A program'));
    await userEvent.click(screen.getByTestId('site-block'));
    await waitFor(() => expect(screen.queryByTestId('site-prompt')).toBeNull());
  });

  it('makes a rule of all sandboxes when that is ticked, and for one answer only', async () => {
    const sandbox = await start();
    render(SitePrompt, { sandbox });
    await screen.findByTestId('site-prompt');
    await userEvent.click(screen.getByRole('checkbox'));
    await userEvent.click(screen.getByTestId('site-always'));
    await waitFor(() => expect(screen.getByTestId('site-prompt').textContent).toContain('crates.io'));
    expect((await backend().sitesForAll()).allow).toContain('holidays.example');
    expect((await backend().siteRules(sandbox)).allow).not.toContain('holidays.example');
    await userEvent.click(screen.getByTestId('site-always'));
    await waitFor(async () => expect((await backend().siteRules(sandbox)).allow).toContain('crates.io'));
  });

  it('says of a port that nobody can look into that it is not inspectable', async () => {
    const sandbox = await start();
    render(SitePrompt, { sandbox });
    expect((await screen.findByTestId('site-prompt')).textContent).not.toContain('inspectable');
    cleanup();
    const ask = { id: 9, sandbox, host: 'code.example', port: 22, claim: null, known_for: null, patience: 60 };
    render(SiteAskRow, { ask, waited: 1 });
    expect(screen.getByTestId('site-prompt').textContent).toContain('port 22, not inspectable');
    cleanup();
    render(ActivityAskRow, { ask, asked: 0 });
    expect(screen.getByRole('row').textContent).toContain('port 22, not inspectable');
  });

  it('says it of rules that open such a port too', async () => {
    const row = await start();
    const change = {
      mode: null,
      presets: null,
      services: null,
      allow: ['code.example:22'],
      block: ['spy.example:22'],
      forget: [],
    };
    await backend().changeSites(row, change);
    const sandbox = app.sandboxes.find((one) => one.id === row);
    if (!sandbox) throw new Error('it is gone');
    render(NetworkSheet, { sandbox, onclose: () => undefined });
    expect((await screen.findByText('code.example:22')).closest('.line')?.textContent).toContain('not inspectable');
    expect((await screen.findByText('spy.example:22')).closest('.line')?.textContent).not.toContain('not inspectable');
  });

  it('gives Block the focus of the panel, and Enter never allows', async () => {
    const sandbox = await start();
    const answer = vi.spyOn(backend(), 'answerSite');
    render(SitePrompt, { sandbox });
    await screen.findByTestId('site-prompt');
    const panel = screen.getByRole('region', { name: 'Sites that are asked for' });
    expect(panel.querySelector('[data-panel-focus]')).toBe(screen.getByTestId('site-block'));
    for (const allow of ['site-once', 'site-always']) {
      screen.getByTestId(allow).focus();
      await userEvent.keyboard('{Enter}');
      expect(answer).not.toHaveBeenCalled();
    }
    expect(screen.getByTestId('site-prompt').textContent).toContain('Enter does not allow');
    await userEvent.keyboard(' ');
    expect(answer).toHaveBeenLastCalledWith(sandbox, 1, 'always', false);
    await waitFor(() => expect(screen.getByTestId('site-prompt').textContent).toContain('crates.io'));
    screen.getByTestId('site-block').focus();
    await userEvent.keyboard('{Enter}');
    expect(answer).toHaveBeenLastCalledWith(sandbox, 2, 'block', false);
  });

  it('belongs to its sandbox only', async () => {
    await start();
    render(SitePrompt, { sandbox: 'another' });
    expect(screen.queryByTestId('site-prompt')).toBeNull();
  });
});
