import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { backend, setBackend } from '../../ipc/current';
import { RYE } from '../../ipc/fake/rows';
import LinkSheet from './LinkSheet.svelte';

afterEach(cleanup);

const LOG_IN = 'https://log-in.example/auth?callback_url=http://localhost:8484/callback';

function show(url: string, state = '') {
  setBackend(fakeBackend({ state }).backend);
  const calls: string[] = [];
  const b = backend();
  const back = b.awaitLogIn;
  vi.spyOn(b, 'awaitLogIn').mockImplementation(async (sandbox, port) => {
    calls.push(`way back to ${port} of ${sandbox}`);
    await back(sandbox, port);
    calls.push('it is open');
  });
  vi.spyOn(b, 'openLink').mockImplementation(async (href) => void calls.push(href));
  const onclose = vi.fn();
  const { unmount } = render(LinkSheet, { url, sandbox: RYE, onclose });
  return { calls, onclose, unmount };
}

describe('a link of a terminal', () => {
  it('that is a log-in opens its way back first, and says so before', async () => {
    const { calls, onclose } = show(LOG_IN);
    expect(screen.getByTestId('way-back').textContent).toContain('port 8484 of this computer');
    expect(calls).toEqual([]);
    await userEvent.click(screen.getByTestId('open-page'));
    await waitFor(() => expect(onclose).toHaveBeenCalled());
    expect(calls).toEqual([`way back to 8484 of ${RYE}`, 'it is open', LOG_IN]);
    expect((await backend().listPorts(RYE)).find((port) => port.number === 8484)?.awaits_log_in).toBe(true);
  });

  it('stays closed where the way back cannot be opened, until it is opened without', async () => {
    const { calls, onclose } = show(LOG_IN, 'port-taken');
    await userEvent.click(screen.getByTestId('open-page'));
    const alert = await screen.findByRole('alert');
    expect(alert.textContent).toContain('Port 8484 of this computer is in use by another program.');
    expect(alert.textContent).toContain('The page was not opened.');
    expect(onclose).not.toHaveBeenCalled();
    expect(calls).not.toContain(LOG_IN);
    await userEvent.click(screen.getByText('Open page without it'));
    await waitFor(() => expect(calls.at(-1)).toBe(LOG_IN));
    expect(calls.filter((call) => call.startsWith('way back'))).toHaveLength(1);
  });

  it('that was closed while its way back was opened stays closed, and so does the way', async () => {
    const { calls, unmount } = show(LOG_IN);
    let opened = (): void => undefined;
    const b = backend();
    vi.spyOn(b, 'awaitLogIn').mockImplementation(() => new Promise((resolve) => (opened = resolve)));
    const ended = vi.spyOn(b, 'closePreview').mockResolvedValue(undefined);
    await userEvent.click(screen.getByTestId('open-page'));
    expect(screen.getByTestId('open-page').textContent).toContain('Opening the way back');
    unmount();
    opened();
    await waitFor(() => expect(ended).toHaveBeenCalledWith(RYE, 8484));
    expect(calls).toEqual([]);
  });

  it('that is an ordinary page opens nothing else', async () => {
    const { calls, onclose } = show('https://example.org/a');
    expect(screen.queryByTestId('way-back')).toBeNull();
    await userEvent.click(screen.getByTestId('open-page'));
    await waitFor(() => expect(onclose).toHaveBeenCalled());
    expect(calls).toEqual(['https://example.org/a']);
  });

  it('that is no web page is not opened', () => {
    show('file:///etc/passwd');
    expect(screen.queryByTestId('open-page')).toBeNull();
  });
});
