import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SandboxRow, SnapshotRow } from '../../ipc';
import { fakeBackend } from '../../ipc/fake';
import { backend, setBackend } from '../../ipc/current';
import { toasts } from '../../state/toasts.svelte';
import ResetSheet from './ResetSheet.svelte';
import { Snapshots } from './snapshots.svelte';
import TakeSheet from './TakeSheet.svelte';

let sandbox: SandboxRow;
beforeEach(async () => {
  setBackend(fakeBackend().backend);
  sandbox = (await backend().listSandboxes())[0] as SandboxRow;
});
afterEach(cleanup);

describe('taking a snapshot with the home folder', () => {
  it('is a choice that is not made by itself, with its size once that is known', async () => {
    const closed = vi.fn();
    render(TakeSheet, { sandbox, onclose: closed });
    const box = await screen.findByRole('checkbox');
    expect(box.getAttribute('aria-checked')).toBe('false');
    await screen.findByText(/home folder, \d+ MB/);
    await userEvent.type(screen.getByLabelText('Name'), 'With pip');
    await userEvent.click(box);
    await userEvent.click(screen.getByTestId('confirm-take'));
    await waitFor(() => expect(closed).toHaveBeenCalled());
    const [taken] = await backend().snapshots(sandbox.id);
    expect(taken).toMatchObject({ name: 'With pip', kind: 'named' });
    expect(taken?.home).not.toBeNull();
  });

  it('without the choice takes the workspace alone', async () => {
    const closed = vi.fn();
    render(TakeSheet, { sandbox, onclose: closed });
    await userEvent.click(await screen.findByTestId('confirm-take'));
    await waitFor(() => expect(closed).toHaveBeenCalled());
    expect((await backend().snapshots(sandbox.id))[0]?.home).toBeNull();
  });

  it('stays open when it failed', async () => {
    const closed = vi.fn();
    vi.spyOn(backend(), 'takeSnapshot').mockRejectedValueOnce({ code: 'engine_not_running', message: 'no' });
    render(TakeSheet, { sandbox, onclose: closed });
    await userEvent.click(await screen.findByTestId('confirm-take'));
    await waitFor(() => expect(screen.getByTestId('confirm-take').hasAttribute('disabled')).toBe(false));
    expect(closed).not.toHaveBeenCalled();
  });
});

describe('a reset', () => {
  async function rows(): Promise<{ with: SnapshotRow; without: SnapshotRow }> {
    const all = await backend().snapshots(sandbox.id);
    const found = all.find((row) => row.home !== null) as SnapshotRow;
    return { with: found, without: all.find((row) => row.home === null) as SnapshotRow };
  }

  it('asks only where the snapshot has a home folder', async () => {
    const state = new Snapshots(sandbox.id);
    const found = await rows();
    const reset = vi.spyOn(backend(), 'reset');
    await state.reset(found.without);
    expect(state.asking).toBeNull();
    expect(reset.mock.calls[0]?.[2], 'the home stays').toBe(false);
    await state.reset(found.with);
    expect(state.asking).toBe(found.with);
    expect(reset).toHaveBeenCalledTimes(1);
  });

  it('is undone with the home folder where it was done with it', async () => {
    const state = new Snapshots(sandbox.id);
    const reset = vi.spyOn(backend(), 'reset');
    await state.goTo((await rows()).with, true);
    toasts.list.at(-1)?.action?.run();
    await waitFor(() => expect(reset).toHaveBeenCalledTimes(2));
    expect(reset.mock.calls.map((call) => call[2])).toEqual([true, true]);
  });

  it('leaves the home folder unless the switch says otherwise, and says that log-ins go back', async () => {
    const done = vi.fn();
    const { with: row } = await rows();
    render(ResetSheet, { row, onreset: done, onclose: () => {} });
    expect((await screen.findByRole('dialog')).textContent).toContain('log-ins');
    await userEvent.click(screen.getByTestId('confirm-reset'));
    expect(done).toHaveBeenLastCalledWith(false);
    await userEvent.click(screen.getByRole('switch'));
    await userEvent.click(screen.getByTestId('confirm-reset'));
    expect(done).toHaveBeenLastCalledWith(true);
  });
});
