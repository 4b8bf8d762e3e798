import { cleanup, render, waitFor } from '@testing-library/svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SandboxRow } from '../../ipc';
import { fakeBackend } from '../../ipc/fake';
import { setBackend } from '../../ipc/current';
import { app } from '../../state/app.svelte';
import Index from './Index.svelte';

// Drawing a terminal needs a real page; which ones are opened does not.
vi.mock('./TerminalView.svelte', async () => import('../../components/EmptyState.svelte'));

afterEach(cleanup);

/** A running sandbox without terminals whose making was begun an hour ago, and what is asked of the engine. */
async function start(agent: string) {
  const { backend, world } = fakeBackend();
  setBackend(backend);
  await app.load();
  const found = world.rows.find((row) => row.status === 'working');
  if (!found) throw new Error('no sandbox');
  const sandbox: SandboxRow = { ...found, agent, created: Date.now() - 3_600_000 };
  vi.spyOn(backend, 'listTerminals').mockResolvedValue([]);
  app.terminals.delete(sandbox.id);
  const opened = vi.spyOn(backend, 'openTerminal').mockResolvedValue({
    id: 1,
    name: 'x',
    title: null,
    running: true,
    exit_code: null,
    agent: agent !== 'shell',
    doing: 'idle',
  });
  const what = (): string[] => opened.mock.calls.map(([request]) => request.what);
  return { sandbox, what };
}

describe('the first terminal', () => {
  it('is the agent’s where the sandbox was made here, however long that took, and once', async () => {
    const { sandbox, what } = await start('claude');
    app.made(sandbox);
    const { unmount } = render(Index, { sandbox });
    await waitFor(() => expect(what()).toEqual(['agent']));
    unmount();
    app.terminals.delete(sandbox.id);
    const { findByText } = render(Index, { sandbox });
    await findByText('No terminal is open');
    expect(what()).toEqual(['agent']);
  });

  it('waits to be told where the sandbox was there before', async () => {
    const { sandbox, what } = await start('claude');
    const { findByText } = render(Index, { sandbox });
    await findByText('No terminal is open');
    expect(what()).toEqual([]);
  });

  it('is a shell at once where that is all there is', async () => {
    const { sandbox, what } = await start('shell');
    render(Index, { sandbox });
    await waitFor(() => expect(what()).toEqual(['shell']));
  });
});
