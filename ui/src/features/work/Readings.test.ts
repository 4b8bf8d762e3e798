import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { setBackend } from '../../ipc/current';
import type { SandboxRow, Stats } from '../../ipc';
import { app } from '../../state/app.svelte';
import Readings from './Readings.svelte';

afterEach(cleanup);

describe('the readings', () => {
  it('say in place that the limit of processes is hit, and offer more', async () => {
    const { backend } = fakeBackend();
    setBackend(backend);
    await app.load();
    let tell: (stats: Stats | null) => void = () => undefined;
    backend.watchStats = (_, listener) => ((tell = listener), Promise.resolve(() => undefined));
    const reshape = vi.spyOn(backend, 'reshape');
    const sandbox = app.sandboxes.find((row) => row.id === 'rye-and-salt') as SandboxRow;
    render(Readings, { sandbox });
    const stats = { cpu: 1, memory: 1, processes: sandbox.limits.processes - 1, received: 0, sent: 0 };
    tell(stats);
    await waitFor(() => expect(screen.getByText(String(stats.processes))).toBeInTheDocument());
    expect(screen.queryByTestId('processes-full')).toBeNull();

    tell({ ...stats, processes: sandbox.limits.processes });
    expect(await screen.findByRole('alert')).toHaveTextContent(`At its limit of ${sandbox.limits.processes} processes`);
    await userEvent.click(screen.getByRole('button', { name: 'Give it 512 more' }));
    expect(reshape.mock.calls[0]?.[1].processes).toBe(sandbox.limits.processes + 512);
  });
});
