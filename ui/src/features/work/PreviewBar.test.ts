import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SandboxRow } from '../../ipc';
import { fakeBackend } from '../../ipc/fake';
import { backend, setBackend } from '../../ipc/current';
import { app } from '../../state/app.svelte';
import { commands } from '../../state/commands.svelte';
import PreviewBar from './PreviewBar.svelte';

afterEach(cleanup);

async function start(): Promise<SandboxRow> {
  const { backend: fake, world } = fakeBackend({ state: 'preview' });
  setBackend(fake);
  await app.load();
  const row = world.rows[0];
  if (!row) throw new Error('no sandbox');
  return row;
}

describe('the preview bar', () => {
  it('offers what listens, says what stays open, and shows what was opened', async () => {
    const sandbox = await start();
    render(PreviewBar, { sandbox, running: true });
    const bar = await screen.findByTestId('preview-bar');
    expect(bar.textContent).toContain('listens on port 5173');
    expect(bar.textContent).toContain('a link you follow');
    expect(bar.contains(document.activeElement)).toBe(false);
    expect(commands.all.map((command) => command.label)).toContain('Open preview of port 5173');
    await userEvent.click(screen.getByTestId('open-preview'));
    await waitFor(() =>
      expect(screen.getByTestId('preview-bar').textContent).toContain('Preview of port 5173 is open'),
    );
    await userEvent.click(screen.getByTestId('more-ports'));
    await userEvent.click(await screen.findByTestId('close-5173'));
    await waitFor(() => expect(screen.getByTestId('open-preview').textContent).toContain('Open preview'));
  });

  it('says that the fence is proven while a page is being opened, and asks once', async () => {
    const sandbox = await start();
    let opened = (): void => undefined;
    const asked = vi
      .spyOn(backend(), 'openPreview')
      .mockImplementation(() => new Promise((resolve) => (opened = resolve)));
    render(PreviewBar, { sandbox, running: true });
    await userEvent.click(await screen.findByTestId('open-preview'));
    expect(screen.getByTestId('preview-bar').textContent).toContain('Testing the fence');
    expect(screen.getByTestId('open-preview')).toBeDisabled();
    commands.all.find((command) => command.id === 'preview-5173')?.run();
    expect(asked).toHaveBeenCalledTimes(1);
    opened();
    await waitFor(() => expect(screen.getByTestId('open-preview')).toBeEnabled());
    expect(screen.getByTestId('preview-bar').textContent).not.toContain('Testing the fence');
  });

  it('goes when it is not wanted, and is not there while nothing runs', async () => {
    const sandbox = await start();
    const { rerender } = render(PreviewBar, { sandbox, running: false });
    expect(screen.queryByTestId('preview-bar')).toBeNull();
    await rerender({ sandbox, running: true });
    await userEvent.click(await screen.findByLabelText('Not now'));
    await waitFor(() => expect(screen.queryByTestId('preview-bar')).toBeNull());
  });
});
