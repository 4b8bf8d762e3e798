import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { setBackend } from '../../ipc/current';
import { agentUpdates } from '../../state/agent-updates.svelte';
import { app } from '../../state/app.svelte';
import { toasts } from '../../state/toasts.svelte';
import Agents from './Agents.svelte';

afterEach(cleanup);
let fake: ReturnType<typeof fakeBackend>;

beforeEach(async () => {
  fake = fakeBackend();
  setBackend(fake.backend);
  await app.load();
  await app.readAgents();
});

describe('the agents', () => {
  it('show their versions, and are updated when asked', async () => {
    render(Agents);
    expect(screen.getByTestId('version-claude').textContent).toBe('2.1.3');
    expect(screen.queryByLabelText('Update Shell')).toBeNull();
    await userEvent.click(screen.getByLabelText('Update Claude Code'));
    await waitFor(() => expect(screen.getByTestId('version-claude').textContent).toBe('2.2.0'));
    await userEvent.click(screen.getByLabelText(/^Back to Claude Code 2\.1\.3/));
    await waitFor(() => expect(screen.getByTestId('version-claude').textContent).toBe('2.1.3'));
    expect(screen.queryByLabelText(/^Back to Claude Code/)).toBeNull();
  });

  it('say what an update does, and stop it when asked; the version stays', async () => {
    fake.world.options.latency = 30;
    const shown = vi.spyOn(toasts, 'failed');
    render(Agents);
    await userEvent.click(screen.getByLabelText('Update Aider'));
    expect(await screen.findByText('Installing Aider')).toBeInTheDocument();
    await userEvent.click(screen.getByLabelText('Cancel the update of Aider'));
    await waitFor(() => expect(screen.getByLabelText('Update Aider')).toBeEnabled());
    expect(screen.getByTestId('version-aider').textContent).toBe('2.1.3');
    expect(shown).not.toHaveBeenCalled();
  });

  it('are updated on after the settings are left, once at a time, and can be stopped when one comes back', async () => {
    fake.world.options.latency = 30;
    const asked = vi.spyOn(fake.backend, 'updateAgent');
    const { unmount } = render(Agents);
    await userEvent.click(screen.getByLabelText('Update Aider'));
    unmount();
    render(Agents);
    expect(await screen.findByText('Installing Aider')).toBeInTheDocument();
    expect(screen.queryByLabelText('Update Aider')).toBeNull();
    const aider = app.agents.find(({ id }) => id === 'aider');
    if (!aider) throw new Error('no Aider');
    await agentUpdates.start(aider);
    expect(asked).toHaveBeenCalledTimes(1);
    await userEvent.click(screen.getByLabelText('Cancel the update of Aider'));
    await waitFor(() => expect(screen.getByLabelText('Update Aider')).toBeEnabled());
    expect(screen.getByTestId('version-aider').textContent).toBe('2.1.3');
  });

  it('name what of the user’s own could not be taken: file, line, what to do', async () => {
    render(Agents);
    expect(screen.queryByTestId('agent-problem')).toBeNull();
    cleanup();
    fake = fakeBackend({ state: 'agent-problem' });
    setBackend(fake.backend);
    render(Agents);
    const panel = await screen.findByTestId('agent-problem');
    expect(panel).toHaveTextContent('agents.toml, line 12: the agent mine');
    expect(panel).toHaveTextContent('Mend it there; the other agents are not concerned.');
  });
});
