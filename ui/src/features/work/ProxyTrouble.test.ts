import { cleanup, render, screen } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { setBackend } from '../../ipc/current';
import type { ActivityEntry } from '../../ipc';
import { app } from '../../state/app.svelte';
import ProxyTrouble from './ProxyTrouble.svelte';

afterEach(cleanup);
let fake: ReturnType<typeof fakeBackend>;

beforeEach(async () => {
  fake = fakeBackend();
  setBackend(fake.backend);
  await app.load();
});

function happens(sandbox: string, decision: string, detail: string): void {
  const entry: ActivityEntry = { id: 1, time: 0, kind: 'network', what: 'pypi.org', decision, detail, subject: null };
  fake.world.emit({ type: 'activity', sandbox, entries: [entry] });
}

describe('trouble at the proxy of the network', () => {
  it('is said where one works, until something goes through again', async () => {
    render(ProxyTrouble, { sandbox: 'a' });
    happens('b', 'Not reached', 'approved, but the proxy of your network refused it');
    happens('a', 'Not reached', 'approved, but it did not answer');
    happens('a', 'Refused', 'an address on your own network');
    expect(screen.queryByTestId('proxy-trouble')).toBeNull();
    happens('a', 'Not reached', 'approved, but the proxy of your network refused it · 1 connection');
    expect((await screen.findByTestId('proxy-trouble')).textContent).toContain('proxy refused pypi.org');
    happens('a', 'Not reached', 'approved, but the proxy of your network was not reached · 1 connection');
    expect(await screen.findByText(/did not answer for/)).toBeInTheDocument();
    happens('a', 'Not reached', 'approved, but the proxy of your network wants a name and password');
    expect(await screen.findByText(/wants a name and password for/)).toBeInTheDocument();
    happens('a', 'Allowed', '1 connection');
    await expect.poll(() => screen.queryByTestId('proxy-trouble')).toBeNull();
  });
});
