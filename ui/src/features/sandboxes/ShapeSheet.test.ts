import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { setBackend } from '../../ipc/current';
import type { SandboxRow } from '../../ipc';
import { app } from '../../state/app.svelte';
import ShapeSheet from './ShapeSheet.svelte';

afterEach(cleanup);
let fake: ReturnType<typeof fakeBackend>;

async function open(state: string, change: Partial<SandboxRow> = {}) {
  fake = fakeBackend({ state });
  setBackend(fake.backend);
  await app.load();
  await app.readAgents();
  const sandbox = { ...fake.world.rows[0]!, ...change };
  const onclose = vi.fn();
  render(ShapeSheet, { sandbox, onclose });
  await waitFor(() => expect(screen.getByTestId('set-shape')).toBeInTheDocument());
  return { onclose, sandbox };
}

describe('the settings of a sandbox', () => {
  it('offer another runtime only where the engine has one', async () => {
    await open('');
    expect(screen.queryByRole('combobox', { name: 'Isolation' })).toBeNull();
    cleanup();
    const { onclose, sandbox } = await open('runtimes');
    const reshape = vi.spyOn(fake.backend, 'reshape');
    expect(screen.getByTestId('set-shape')).toBeDisabled();
    await userEvent.selectOptions(screen.getByRole('combobox', { name: 'Isolation' }), 'gVisor (runsc)');
    expect(screen.getByTestId('set-shape').textContent?.trim()).toBe('Save and start anew');
    await userEvent.click(screen.getByTestId('set-shape'));
    await waitFor(() => expect(onclose).toHaveBeenCalled());
    expect(reshape).toHaveBeenCalledWith(sandbox.id, sandbox.limits, 'runsc');
  });

  it('keep one that the engine no longer has among the choices', async () => {
    await open('', { runtime: 'runsc' });
    expect(screen.getByRole('combobox', { name: 'Isolation' })).toHaveValue('runsc');
  });

  it('offer keys that are kept and not the agent’s own; they need no new start', async () => {
    const { onclose, sandbox } = await open('', { agent: 'codex', agent_name: 'Codex' });
    const [useKeys, reshape] = [vi.spyOn(fake.backend, 'useKeys'), vi.spyOn(fake.backend, 'reshape')];
    await userEvent.click(await screen.findByLabelText('Let it use the key of Anthropic'));
    expect(screen.queryByLabelText('Let it use the key of Google')).toBeNull();
    expect(screen.getByTestId('set-shape').textContent?.trim()).toBe('Save');
    await userEvent.click(screen.getByTestId('set-shape'));
    await waitFor(() => expect(onclose).toHaveBeenCalled());
    expect(useKeys).toHaveBeenCalledWith(sandbox.id, ['anthropic']);
    expect(reshape).not.toHaveBeenCalled();
  });

  it('leave out keys that the agent uses by itself', async () => {
    await open('');
    await waitFor(() => expect(screen.getByLabelText('Memory')).toBeInTheDocument());
    expect(screen.queryByLabelText('Let it use the key of Anthropic')).toBeNull();
  });
});
