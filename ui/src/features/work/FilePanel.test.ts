import { render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { RYE } from '../../ipc/fake/rows';
import { setBackend } from '../../ipc/current';
import type { SandboxRow } from '../../ipc';
import { app } from '../../state/app.svelte';
import { router } from '../../state/router.svelte';
import FilePanel from './FilePanel.svelte';

async function open(state = '', id = RYE) {
  localStorage.clear();
  const fake = fakeBackend({ state });
  setBackend(fake.backend);
  await app.load();
  const onopen = vi.fn();
  const sandbox = app.sandboxes.find((row) => row.id === id) as SandboxRow;
  router.openSandbox(id);
  render(FilePanel, { sandbox, onopen });
  return { ...fake, onopen, user: userEvent.setup() };
}

describe('the file panel', () => {
  it('lists the changed files with their letters and opens one', async () => {
    const { onopen, user } = await open();
    const row = await screen.findByText('hours.js');
    expect(screen.getAllByRole('img', { name: 'Added' }).length).toBeGreaterThan(2);
    await user.click(row);
    expect(onopen).toHaveBeenCalledWith({ text: 'js/hours.js' });
  });

  it('follows the workspace', async () => {
    const { backend, world } = await open();
    await screen.findByText('hours.js');
    vi.spyOn(backend, 'liveChanges').mockResolvedValue({ changes: [], left_out: 0, incomplete: false });
    world.emit({ type: 'workspace', sandbox: RYE });
    expect(await screen.findByText(/Nothing has changed yet/)).toBeInTheDocument();
    expect(screen.getByTestId('review-button')).toBeDisabled();
  });

  it('shows what hides in a name', async () => {
    await open('hostile');
    expect(await screen.findByText('[RLO]')).toBeInTheDocument();
  });

  it('draws few rows of many', async () => {
    await open('large');
    await waitFor(() => expect(screen.getAllByRole('treeitem').length).toBeGreaterThan(10));
    expect(screen.getAllByRole('treeitem').length).toBeLessThan(120);
    expect(screen.getByTestId('review-button')).toHaveTextContent('Review 5,000 changes');
  });

  it('goes by keys', async () => {
    const { onopen, user } = await open();
    const tree = await screen.findByRole('tree');
    tree.focus();
    await user.keyboard('{ArrowDown}{Enter}');
    expect(onopen).toHaveBeenCalledWith({ text: '.vscode/tasks.json' });
    await user.keyboard('{ArrowLeft}{ArrowLeft}');
    await waitFor(() => expect(screen.queryByText('tasks.json')).not.toBeInTheDocument());
  });

  it('captures anew and opens the review', async () => {
    const { user } = await open();
    await user.click(await screen.findByRole('button', { name: 'Review 15 changes' }));
    expect(router.route).toMatchObject({ tab: 'review', fresh: true });
  });

  it('says what went wrong and tries again', async () => {
    const { backend, user } = await open();
    await screen.findByText('hours.js');
    vi.spyOn(backend, 'liveChanges').mockRejectedValueOnce({ code: 'io', message: 'The workspace cannot be read.' });
    app.sandboxes = [...app.sandboxes];
    const { topics } = await import('../../state/topics.svelte');
    topics.touch('changes', RYE);
    expect(await screen.findByText('The workspace cannot be read.')).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByText('hours.js')).toBeInTheDocument();
  });
});
