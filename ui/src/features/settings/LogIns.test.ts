import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { backend, setBackend } from '../../ipc/current';
import LogIns from './LogIns.svelte';
import ProxyGroup from './ProxyGroup.svelte';

afterEach(cleanup);

describe('a log-in for several sandboxes', () => {
  it('is none until it is asked for, is listed, and can be taken back', async () => {
    setBackend(fakeBackend().backend);
    expect(await backend().logIns()).toEqual([]);
    const row = (await backend().listSandboxes()).find((one) => one.agent === 'claude');
    await backend().keepLogIn(row?.id ?? '', 'file');
    render(LogIns);
    await userEvent.click(await screen.findByLabelText('Forget the log-in of Claude Code'));
    await screen.findByText('None');
    expect(await backend().logIns()).toEqual([]);
  });
});

describe('the log-ins that are kept', () => {
  it('are not said to be none while they are read, nor where they cannot be', async () => {
    const { backend: fake, world } = fakeBackend({ state: 'lists-fail', latency: 20 });
    setBackend(fake);
    render(LogIns);
    expect(screen.queryByText('None')).toBeNull();
    expect(screen.getByText('The list is being read.')).toBeInTheDocument();
    expect((await screen.findByRole('alert')).textContent).toContain('The kept log-ins could not be read');
    expect(screen.queryByText('None')).toBeNull();
    world.options.state = '';
    await userEvent.click(screen.getByText('Try again'));
    await screen.findByText('None');
    expect(screen.queryByRole('alert')).toBeNull();
  });
});

describe('the proxy of the network', () => {
  it('is offered, taken only by a click, and says whose check the addresses are then', async () => {
    setBackend(fakeBackend().backend);
    render(ProxyGroup);
    const offer = await screen.findByLabelText('Use the proxy http://proxy.office.example:3128');
    expect((await backend().proxy()).used).toBeNull();
    await userEvent.click(offer);
    await screen.findByText('All sandboxes go by it');
    expect(document.body.textContent).toContain('that is the proxy’s to do');
    await userEvent.click(screen.getByText('Go straight out'));
    await waitFor(async () => expect((await backend().proxy()).used).toBeNull());
  });
});
