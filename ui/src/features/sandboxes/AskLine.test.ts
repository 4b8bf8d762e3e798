import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { backend, setBackend } from '../../ipc/current';
import { fakeBackend } from '../../ipc/fake';
import { RYE } from '../../ipc/fake/rows';
import { app } from '../../state/app.svelte';
import { commands } from '../../state/commands.svelte';
import { questions } from '../../state/questions.svelte';
import { router, type Screen, type Tab } from '../../state/router.svelte';
import SitePrompt from '../work/SitePrompt.svelte';
import AskLine from './AskLine.svelte';
import AskNews from './AskNews.svelte';

let fake: ReturnType<typeof fakeBackend>;
beforeEach(async () => {
  fake = fakeBackend({ state: 'site-prompts' });
  setBackend(fake.backend);
  router.openSandbox(RYE, 'review');
  await app.load();
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
  questions.wanted = null;
});

const said = (): string => screen.getByTestId('ask-news').textContent ?? '';
const line = (): string | null => screen.queryByTestId('ask-line')?.textContent ?? null;

describe('a site that is asked for', () => {
  it.each<[string, { screen: Screen; tab?: Tab; sandbox?: string }]>([
    ['the review', { screen: 'sandbox', tab: 'review' }],
    ['the snapshots', { screen: 'sandbox', tab: 'snapshots' }],
    ['another sandbox', { screen: 'sandbox', tab: 'work', sandbox: 'spring-menu' }],
    ['the settings', { screen: 'settings' }],
    ['the invitation', { screen: 'empty' }],
  ])('is seen and said in %s', async (_where, route) => {
    router.go(route);
    render(AskLine);
    render(AskNews);
    expect(line()).toContain('rye-and-salt asks for holidays.example');
    expect(line()).toContain('2 more');
    expect(said()).toContain('rye-and-salt asks for holidays.example, and 2 more wait');
  });

  it.each<Tab>(['work', 'activity'])('is not said twice where the question itself is: %s', (tab) => {
    router.openSandbox(RYE, tab);
    render(AskLine);
    render(AskNews);
    expect(line()).toBeNull();
    expect(said().trim()).toBe('');
  });

  it('takes no focus, and goes when it is answered', async () => {
    render(AskLine);
    render(AskNews);
    expect(screen.getByTestId('ask-line').contains(document.activeElement)).toBe(false);
    for (const { sandbox, id } of app.asks.slice()) await backend().answerSite(sandbox, id, 'block', false);
    await waitFor(() => expect(line()).toBeNull());
    expect(said().trim()).toBe('');
  });

  it('is led to by Show, and by the palette or its key: Block has the focus then', async () => {
    render(AskLine);
    render(AskNews);
    await userEvent.click(screen.getByTestId('show-ask'));
    expect(router.route).toMatchObject({ screen: 'sandbox', sandbox: RYE, tab: 'work' });
    render(SitePrompt, { sandbox: RYE });
    await waitFor(() => expect(screen.getByTestId('site-block')).toHaveFocus());

    expect(questions.focused, 'a terminal that opens leaves it there').toBe(true);

    router.openSettings();
    commands.all.find(({ id }) => id === 'question')?.run();
    expect(router.route).toMatchObject({ screen: 'sandbox', sandbox: RYE, tab: 'work' });
  });

  it('gives the focus to no other question than the one that was meant', async () => {
    const [first] = app.asks;
    if (!first) throw new Error('no question');
    questions.show(first);
    await backend().answerSite(first.sandbox, first.id, 'block', false);
    render(SitePrompt, { sandbox: RYE });
    await waitFor(() => expect(screen.getByTestId('site-prompt').textContent).toContain('crates.io'));
    expect(questions.wanted).toBeNull();
    expect(screen.getByTestId('site-block')).not.toHaveFocus();
  });

  it('says the seconds that are left where it is known since when it waits, and none where others wait on', async () => {
    vi.useFakeTimers();
    render(AskLine);
    expect(line()).toContain('its connection waits');
    const [known] = app.asks;
    if (!known) throw new Error('no question');
    for (const ask of app.asks.slice()) fake.world.emit({ type: 'ask_ended', sandbox: ask.sandbox, ask: ask.id });
    fake.world.emit({ type: 'ask', ask: { ...known, id: 9 } });
    await vi.advanceTimersByTimeAsync(8_000);
    expect(line()).toContain('52 s left');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(line()).toContain('its connection waits');
  });
});
