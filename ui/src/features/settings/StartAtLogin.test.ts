import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { setBackend } from '../../ipc/current';
import { toasts } from '../../state/toasts.svelte';
import StartAtLogin from './StartAtLogin.svelte';

afterEach(cleanup);
beforeEach(() => {
  for (const { id } of [...toasts.list]) toasts.dismiss(id);
});

async function show(state = '') {
  const { backend } = fakeBackend({ state });
  setBackend(backend);
  render(StartAtLogin);
  const control = screen.getByRole('switch', { name: 'Start at login' });
  await waitFor(() => expect(control).toBeEnabled());
  return { backend, control };
}

describe('start at login', () => {
  it('is off at first, and on and off as the system’s list says', async () => {
    const { backend, control } = await show();
    expect(control).not.toBeChecked();
    await userEvent.click(control);
    await waitFor(() => expect(control).toBeEnabled());
    expect(control).toBeChecked();
    expect((await backend.startsAtLogin()).on).toBe(true);
    await userEvent.click(control);
    await waitFor(async () => expect((await backend.startsAtLogin()).on).toBe(false));
    await waitFor(() => expect(control).not.toBeChecked());
  });

  it('shows off where the list did not take it, with the words why', async () => {
    const { control } = await show('login-list-fails');
    await userEvent.click(control);
    await waitFor(() => expect(toasts.list.map((toast) => toast.text).join()).toContain('could not be put'));
    expect(control).not.toBeChecked();
  });

  it('cannot be switched on where it would start something else, and says so', async () => {
    const { backend } = fakeBackend();
    vi.spyOn(backend, 'startsAtLogin').mockResolvedValue({ on: false, refused: 'A folder of its own.' });
    setBackend(backend);
    render(StartAtLogin);
    expect(await screen.findByText('A folder of its own.')).toBeInTheDocument();
    expect(screen.getByRole('switch', { name: 'Start at login' })).toBeDisabled();
  });
});
