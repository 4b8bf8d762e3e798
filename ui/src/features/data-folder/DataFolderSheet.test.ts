import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { setBackend } from '../../ipc/current';
import { app } from '../../state/app.svelte';
import DataFolderSheet from './DataFolderSheet.svelte';

afterEach(cleanup);

async function show(state = '') {
  const { backend } = fakeBackend({ state });
  setBackend(backend);
  await app.load();
  const onclose = vi.fn();
  render(DataFolderSheet, { onclose });
  await screen.findByText(/GB free/);
  return { backend, onclose, go: screen.getByTestId('use-data-folder') };
}

describe('another disk for the data', () => {
  it('says what stays, and starts again only with a folder that was looked at', async () => {
    const { backend, go } = await show();
    const use = vi.spyOn(backend, 'useDataFolder');
    expect(screen.getByText('~/.local/share/agent-sandbox')).toBeInTheDocument();
    expect(go).toBeDisabled();
    await userEvent.click(screen.getByRole('button', { name: 'Choose folder…' }));
    expect(await screen.findByText('/media/mira/Archive/Agent Sandbox data')).toBeInTheDocument();
    expect(screen.getByText(/Nothing is moved and nothing is lost: 5 sandboxes stay/)).toBeInTheDocument();
    expect(screen.getByText(/3 sandboxes that run are stopped first/)).toBeInTheDocument();
    expect(use).not.toHaveBeenCalled();
    await userEvent.click(go);
    expect(use).toHaveBeenCalledOnce();
  });

  it('a disk that cannot keep copies is refused in words, and nothing can be started with it', async () => {
    const { go } = await show('unfit-disk');
    await userEvent.click(screen.getByRole('button', { name: 'Choose folder…' }));
    expect(await screen.findByRole('alert')).toHaveTextContent('cannot keep permissions');
    expect(screen.getByRole('alert')).toHaveTextContent('Nothing was moved');
    expect(go).toBeDisabled();
  });

  it('leads back to the usual place, whose sandboxes are shown again', async () => {
    const { go } = await show('other-disk');
    await userEvent.click(screen.getByRole('button', { name: 'The usual place' }));
    await waitFor(() => expect(go).toBeEnabled());
    expect(screen.getByText(/lies there already/)).toBeInTheDocument();
  });

  it('is not offered where the folder was named from outside', async () => {
    const { backend } = fakeBackend();
    vi.spyOn(backend, 'dataFolder').mockResolvedValue({
      path: '/x',
      free: 1,
      chosen: false,
      fixed: 'Named elsewhere.',
    });
    setBackend(backend);
    render(DataFolderSheet, { onclose: vi.fn() });
    expect(await screen.findByText('Named elsewhere.')).toBeInTheDocument();
    expect(screen.queryByRole('button', { name: 'Choose folder…' })).toBeNull();
    expect(screen.queryByTestId('use-data-folder')).toBeNull();
  });
});
