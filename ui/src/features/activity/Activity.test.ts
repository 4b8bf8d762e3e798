import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setBackend } from '../../ipc/current';
import { fakeBackend } from '../../ipc/fake';
import { app } from '../../state/app.svelte';
import { router } from '../../state/router.svelte';
import { toasts } from '../../state/toasts.svelte';
import { countOf, sinceTime } from './groups';
import Index from './Index.svelte';

beforeEach(() => localStorage.clear());
afterEach(() => {
  cleanup();
  router.closeOverlay();
});

async function show(state: string): Promise<void> {
  const { backend } = fakeBackend({ state });
  setBackend(backend);
  await app.load();
  const [sandbox] = app.sandboxes;
  if (!sandbox) throw new Error('no sandbox');
  render(Index, { sandbox });
  await screen.findByText('Handed over');
}

describe('the activity', () => {
  it('says how many there are of each kind, and shows one kind', async () => {
    await show('');
    const network = await screen.findByRole('button', { name: /^Network/ });
    await waitFor(() => expect(network.textContent).toContain('4'));
    await userEvent.click(network);
    await waitFor(() => expect(screen.queryByText('Handed over')).toBeNull());
    expect(screen.getByRole('button', { name: /^All/ }).textContent, 'the counts stay').toContain('16');
    await userEvent.click(screen.getByRole('button', { name: /^All/ }));
  });

  it('is saved into a file that the user names', async () => {
    await show('');
    const before = toasts.list.length;
    await userEvent.click(screen.getByLabelText('Save the activity to a file'));
    await waitFor(() => expect(toasts.list.length).toBe(before + 1));
    expect(toasts.list.at(-1)?.text).toContain('activity.json');
  });

  it('has what is asked at this moment on top, with the answers', async () => {
    await show('site-prompt');
    await userEvent.click(screen.getByRole('button', { name: 'Always: holidays.example' }));
    await waitFor(() => expect(screen.queryByText('holidays.example')).toBeNull());
    expect(app.asks).toEqual([]);
  });

  it('leads from a decision to the rules', async () => {
    await show('');
    const [rule] = screen.getAllByRole('button', { name: 'Change rule…' });
    if (rule) await userEvent.click(rule);
    expect(router.overlay).toBe('network');
  });
});

describe('how far back', () => {
  const now = new Date(2026, 10, 25, 15, 30).getTime();
  it('is from a midnight', () => {
    expect(sinceTime('ever', now)).toBeNull();
    expect(sinceTime('today', now)).toBe(new Date(2026, 10, 25).getTime());
    expect(sinceTime('week', now)).toBe(new Date(2026, 10, 19).getTime());
  });

  it('counts the kinds of a group, and all of them where it names none', () => {
    const counts = { network: 4, snapshot: 2 };
    expect(countOf({ kinds: ['network'] }, counts)).toBe(4);
    expect(countOf({ kinds: ['reset'] }, counts)).toBe(0);
    expect(countOf({ kinds: [] }, counts)).toBe(6);
  });
});
