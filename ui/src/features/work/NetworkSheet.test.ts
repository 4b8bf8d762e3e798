import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { backend, setBackend } from '../../ipc/current';
import { app } from '../../state/app.svelte';
import NetworkSheet from './NetworkSheet.svelte';

afterEach(cleanup);

async function start(): Promise<string> {
  setBackend(fakeBackend().backend);
  await app.load();
  const row = app.sandboxes.find((other) => other.network === 'approved');
  if (!row) throw new Error('no sandbox with approved sites');
  return row.id;
}

describe('the network sheet', () => {
  it('adds a rule, says what is none, and takes one back', async () => {
    const id = await start();
    const sandbox = app.sandboxes.find((row) => row.id === id);
    if (!sandbox) throw new Error('no sandbox');
    render(NetworkSheet, { sandbox, onclose: () => undefined });
    const field = await screen.findByLabelText('Site');
    await userEvent.type(field, 'http://x');
    await userEvent.click(screen.getByText('Allow'));
    expect((await screen.findByRole('alert')).textContent).toContain('is no site');
    await userEvent.clear(field);
    await userEvent.type(field, 'docs.rs');
    await userEvent.click(screen.getByText('Allow'));
    await screen.findByText('docs.rs');
    await userEvent.click(screen.getByLabelText('Take back the rule for docs.rs'));
    await waitFor(() => expect(screen.queryByText('docs.rs')).toBeNull());
  });

  it('opens the network fully only after a question, whose safe answer has the focus', async () => {
    const id = await start();
    const sandbox = app.sandboxes.find((row) => row.id === id);
    if (!sandbox) throw new Error('no sandbox');
    const mode = async () => (await backend().siteRules(id)).mode;
    render(NetworkSheet, { sandbox, onclose: () => undefined });
    await userEvent.click(await screen.findByText('Open'));
    await waitFor(() => expect(screen.getByTestId('keep-network')).toHaveFocus());
    expect(document.body.textContent).toContain('can then send whatever they can read to any public site');
    await userEvent.keyboard('{Enter}');
    await waitFor(() => expect(screen.queryByTestId('keep-network')).toBeNull());
    expect(await mode()).toBe('approved');
    expect(screen.getByText('Approved sites').closest('button')).toHaveAttribute('aria-pressed', 'true');
    await userEvent.click(screen.getByText('Open'));
    await userEvent.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByTestId('keep-network')).toBeNull());
    expect(await mode(), 'Escape is no yes').toBe('approved');
    await userEvent.click(screen.getByText('Open'));
    await userEvent.click(await screen.findByTestId('open-network'));
    await waitFor(async () => expect(await mode()).toBe('open'));
    // Back needs no question.
    await userEvent.click(screen.getByText('Offline'));
    await waitFor(async () => expect(await mode()).toBe('offline'));
    expect(screen.getByTestId('network-means').textContent).toContain('Locked down.');
  });

  it('says whether the lists are the usual ones, and brings these back', async () => {
    const id = await start();
    const sandbox = app.sandboxes.find((row) => row.id === id);
    if (!sandbox) throw new Error('no sandbox');
    render(NetworkSheet, { sandbox, onclose: () => undefined });
    expect((await screen.findByTestId('network-means')).textContent).toContain('Balanced.');
    expect(screen.queryByText(/^Back to the usual lists/)).toBeNull();
    await userEvent.click(screen.getByRole('switch', { name: 'GitHub (can also send)' }));
    await waitFor(() => expect(screen.getByTestId('network-means').textContent).toContain('Lists of your own.'));
    await userEvent.click(screen.getByText('Back to the usual lists (Balanced)'));
    await waitFor(() => expect(screen.getByTestId('network-means').textContent).toContain('Balanced.'));
    const on = (await backend().siteRules(id)).presets.filter((one) => one.on);
    expect(on.map((one) => one.id)).toEqual(['python', 'javascript']);
  });
});
