import { render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { setBackend } from '../../ipc/current';
import { app } from '../../state/app.svelte';
import { toasts } from '../../state/toasts.svelte';
import FirstStart from './FirstStart.svelte';

async function open(state: string) {
  const { backend } = fakeBackend({ state });
  setBackend(backend);
  await app.load();
  const onfinished = vi.fn();
  render(FirstStart, { onfinished });
  return { backend, onfinished, user: userEvent.setup() };
}

beforeEach(() => {
  app.imageLog = [];
  for (const { id } of [...toasts.list]) toasts.dismiss(id);
});

describe('the first-start check', () => {
  it('goes on when no row fails, while the image is still prepared', async () => {
    const { onfinished, user } = await open('first-start-ok');
    await waitFor(() => expect(screen.getByTestId('continue')).toBeEnabled());
    expect(app.image.state).toBe('preparing');
    await user.click(screen.getByTestId('continue'));
    await waitFor(() => expect(onfinished).toHaveBeenCalledOnce());
  });

  it('stays while a row fails, and runs only that row again', async () => {
    const { backend, user } = await open('first-start');
    await waitFor(() => expect(screen.getByTestId('check-disk')).toHaveAttribute('data-state', 'failed'));
    expect(screen.getByTestId('continue')).toBeDisabled();
    const run = vi.spyOn(backend, 'runCheck');
    run.mockResolvedValue({ id: 'disk', state: 'ok', figure: '9 GB free', summary: 'Enough.', tried: [] });
    await user.click(screen.getByRole('button', { name: 'Check again' }));
    await waitFor(() => expect(screen.getByTestId('continue')).toBeEnabled());
    expect(run.mock.calls).toEqual([['disk']]);
  });

  it('gives the exact next step, with a command to copy', async () => {
    const { backend, user } = await open('first-start-no-permission');
    const copy = vi.spyOn(backend, 'copyText');
    expect(await screen.findByText('sudo usermod -aG docker mira')).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Copy the command' }));
    expect(copy).toHaveBeenCalledWith('sudo usermod -aG docker mira');
  });

  it('opens the app that brings the engine, and notices by itself when it runs', async () => {
    const { backend, world } = fakeBackend({ state: 'first-start-not-running' });
    setBackend(backend);
    await app.load();
    app.setEngine({ state: 'unavailable', error: { code: 'engine_not_running', message: 'It does not run.' } });
    render(FirstStart, { onfinished: vi.fn() });
    const opened = vi.spyOn(backend, 'openEngineApp');
    await userEvent.click(await screen.findByRole('button', { name: 'Open Docker Desktop' }));
    await waitFor(() => expect(toasts.list.map((toast) => toast.text).join()).toContain('Docker Desktop is starting'));
    // Which app it is stays outside of the page.
    expect(opened.mock.calls).toEqual([[]]);
    expect(screen.getByTestId('check-engine')).toHaveAttribute('data-state', 'failed');

    const run = vi.spyOn(backend, 'runCheck');
    run.mockResolvedValue({ id: 'engine', state: 'ok', figure: 'Docker 27', summary: 'Found.', tried: [] });
    const state = { state: 'running', product: 'Docker', version: '27', cpus: 2, memory: 1, runtimes: [] } as const;
    world.emit({ type: 'engine', state: { ...state, runtimes: [] } });
    await waitFor(() => expect(screen.getByTestId('check-engine')).toHaveAttribute('data-state', 'ok'));
    expect(run.mock.calls[0]).toEqual(['engine']);
    expect(screen.queryByRole('button', { name: 'Open Docker Desktop' })).toBeNull();
  });

  it('says when that app could not be opened, and what to do then', async () => {
    const { user } = await open('engine-app-fails');
    await user.click(await screen.findByRole('button', { name: 'Open Docker Desktop' }));
    await waitFor(() =>
      expect(toasts.list.map((toast) => toast.text).join()).toContain('Docker Desktop could not be started'),
    );
  });

  it('shows what was tried behind a disclosure', async () => {
    const { user } = await open('first-start-ok');
    await user.click(await screen.findByRole('button', { name: 'What was tried' }));
    expect(screen.getByText('See your home folder (/home/mira)')).toBeInTheDocument();
  });

  it('a check that could not run is a failed row, not an empty one', async () => {
    const { backend } = fakeBackend({ state: 'first-start-ok' });
    vi.spyOn(backend, 'runCheck').mockRejectedValue({ code: 'internal', message: 'It broke.', fix: 'Try again.' });
    setBackend(backend);
    await app.load();
    render(FirstStart, { onfinished: vi.fn() });
    await waitFor(() => expect(screen.getAllByText('It broke. Try again.')).toHaveLength(3));
  });
});
