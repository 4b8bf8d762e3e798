import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { backend, setBackend } from '../../ipc/current';
import { app } from '../../state/app.svelte';
import { router } from '../../state/router.svelte';
import { HandOver as HandOverState } from './hand-over.svelte';
import HandOver from './HandOver.svelte';

let fake: ReturnType<typeof fakeBackend>;

beforeEach(async () => {
  fake = fakeBackend({ state: 'empty' });
  setBackend(fake.backend);
  await app.load();
});

async function open(project = '/home/mira/Projects/invoice-tools') {
  router.handOver(project);
  render(HandOver, { project });
  return userEvent.setup();
}

describe('the hand-over sheet', () => {
  it('shows what goes in and what stays out, and has Start focused', async () => {
    await open();
    const start = await screen.findByTestId('start');
    await waitFor(() => expect(start).toBeEnabled());
    await waitFor(() => expect(start).toHaveFocus());
    expect(screen.getByText('samples')).toBeInTheDocument();
    expect(screen.getByText('may hold passwords')).toBeInTheDocument();
    expect(screen.getByText('never')).toBeInTheDocument();
  });

  it('moves a row over when its switch is moved, and back', async () => {
    const user = await open();
    await user.click(await screen.findByRole('switch', { name: 'Put in .venv' }));
    expect(await screen.findByRole('switch', { name: 'Put in .venv', checked: true })).toBeInTheDocument();
    await waitFor(() => expect(screen.getByText(/6,495 files will be copied/)).toBeInTheDocument());
    await user.click(screen.getByRole('switch', { name: 'Put in .venv', checked: true }));
    await waitFor(() => expect(screen.getByText(/281 files will be copied/)).toBeInTheDocument());
  });

  it('puts secrets in with placeholder values first', async () => {
    const asked = vi.spyOn(fake.backend, 'preflight');
    const user = await open();
    await user.click(await screen.findByRole('switch', { name: 'Put in .env' }));
    expect(asked.mock.lastCall?.[1].put_in).toEqual([{ path: { text: '.env' }, how: 'placeholders' }]);
  });

  it('offers isolation and keys only where there is a choice, and passes on what was chosen', async () => {
    await open();
    await waitFor(() => expect(screen.getByTestId('start')).toBeEnabled());
    expect(screen.queryByRole('button', { name: /^Isolation/ })).toBeNull();
    // Claude Code uses the only kept key by itself.
    expect(screen.queryByRole('button', { name: /^Keys/ })).toBeNull();
    cleanup();
    fake = fakeBackend({ state: 'runtimes' });
    setBackend(fake.backend);
    await app.load();
    const create = vi.spyOn(fake.backend, 'createSandbox');
    const user = await open();
    await user.click(await screen.findByRole('button', { name: /^Isolation/ }));
    await user.selectOptions(screen.getByLabelText('Isolation'), 'gVisor (runsc)');
    await user.click(screen.getByRole('radio', { name: /^Codex/ }));
    await user.click(await screen.findByRole('button', { name: /^Keys/ }));
    await user.click(screen.getByLabelText('Let it use the key of Anthropic'));
    await user.click(screen.getByTestId('start'));
    await waitFor(() => expect(create).toHaveBeenCalled());
    expect(create.mock.lastCall?.[0]).toMatchObject({ runtime: 'runsc', keys: ['anthropic'] });
  });

  it('makes the sandbox as it was asked and goes to it', async () => {
    const create = vi.spyOn(fake.backend, 'createSandbox');
    const user = await open();
    await user.click(await screen.findByRole('radio', { name: /^Shell/ }));
    await user.click(screen.getByRole('radio', { name: /^Offline/ }));
    await user.click(screen.getByTestId('start'));
    await waitFor(() => expect(router.route.screen).toBe('sandbox'));
    expect(create.mock.lastCall?.[0]).toMatchObject({ agent: 'shell', network: 'offline', name: 'invoice-tools' });
    expect(router.overlay).toBeNull();
    expect(app.current?.name).toBe('invoice-tools');
  });

  it('says why a folder cannot be handed over, and offers no Start', async () => {
    await open('/home/mira/missing');
    expect(await screen.findByText('There is no folder at this place.')).toBeInTheDocument();
    expect(screen.getByTestId('start')).toBeDisabled();
  });

  it('comes back to the choices after a cancel', async () => {
    vi.spyOn(fake.backend, 'createSandbox').mockRejectedValue({ code: 'cancelled', message: 'Cancelled.' });
    const user = await open();
    const start = await screen.findByTestId('start');
    await waitFor(() => expect(start).toBeEnabled());
    await user.click(start);
    await waitFor(() => expect(screen.getByTestId('start')).toBeEnabled());
    expect(screen.queryByRole('alert')).not.toBeInTheDocument();
  });

  it('starts from the folder\u2019s own Dockerfile only where that was chosen', async () => {
    const created = vi.spyOn(fake.backend, 'createSandbox');
    const user = await open();
    await user.click(await screen.findByRole('button', { name: /Environment/ }));
    await user.selectOptions(screen.getByRole('combobox', { name: 'Environment' }), 'folder:dockerfile');
    expect(screen.getByText(/before the fence/)).toBeInTheDocument();
    await user.click(screen.getByTestId('start'));
    await waitFor(() => expect(created).toHaveBeenCalled());
    expect(created.mock.lastCall?.[0]).toMatchObject({ image: null, image_from: 'dockerfile' });
  });

  it('does what was chosen for this folder before, and can be told otherwise', async () => {
    const asked = fake.backend.preflight;
    vi.spyOn(fake.backend, 'preflight').mockImplementation(async (project, choices) => ({
      ...(await asked(project, choices)),
      remembered: [{ path: { text: '.env' }, how: 'placeholders' as const }],
    }));
    const user = await open();
    await user.click(await screen.findByRole('switch', { name: 'Put in .env', checked: true }));
    expect(await screen.findByRole('switch', { name: 'Put in .env', checked: false })).toBeInTheDocument();
  });
});

describe('the memory of a new sandbox', () => {
  const GB = 1024 ** 3;

  it('is at least what its agent works in, and stays what was chosen', async () => {
    const preflight = fake.backend.preflight.bind(fake.backend);
    vi.spyOn(fake.backend, 'preflight').mockImplementation(async (project, choices) => {
      const counted = await preflight(project, choices);
      return { ...counted, default_limits: { ...counted.default_limits, memory: GB }, default_agent: 'shell' };
    });
    const handOver = new HandOverState('/home/mira/Projects/invoice-tools');
    await handOver.count();
    const choose = (agent: string): number | undefined => {
      handOver.agent = agent;
      handOver.agentChosen();
      return handOver.limits?.memory;
    };
    expect(handOver.limits?.memory).toBe(GB);
    expect(choose('codex')).toBe(2 * GB);
    expect(choose('shell')).toBe(GB);
    if (handOver.limits) handOver.limits.memory = 1.5 * GB;
    expect(choose('codex')).toBe(1.5 * GB);
  });

  it('asks once before it starts with a fully open network, and the safe answer has the focus', async () => {
    const made = vi.spyOn(fake.backend, 'createSandbox');
    const user = await open();
    await waitFor(() => expect(screen.getByTestId('start')).toBeEnabled());
    expect(screen.getByTestId('network-offline').textContent).toContain('Locked down');
    expect(screen.getByTestId('network-approved').textContent).toContain('Balanced');
    await user.click(screen.getByTestId('network-open'));
    await user.click(screen.getByTestId('start'));
    await waitFor(() => expect(screen.getByTestId('keep-network')).toHaveFocus());
    expect(made).not.toHaveBeenCalled();
    await user.keyboard('{Enter}');
    expect(screen.getByTestId('network-approved')).toHaveAttribute('aria-checked', 'true');
    expect(made).not.toHaveBeenCalled();
    await user.click(screen.getByTestId('network-open'));
    await user.click(screen.getByTestId('start'));
    await user.click(await screen.findByTestId('open-network'));
    await waitFor(() => expect(made.mock.lastCall?.[0].network).toBe('open'));
  });

  it('does not ask where the settings open every new sandbox', async () => {
    const before = fake.backend.preflight;
    const usually = { default_network: 'open' as const };
    setBackend({ ...fake.backend, preflight: async (...asked) => ({ ...(await before(...asked)), ...usually }) });
    const made = vi.spyOn(backend(), 'createSandbox');
    const user = await open();
    await waitFor(() => expect(screen.getByTestId('start')).toBeEnabled());
    expect(screen.getByTestId('network-open')).toHaveAttribute('aria-checked', 'true');
    await user.click(screen.getByTestId('start'));
    expect(screen.queryByTestId('keep-network')).toBeNull();
    await waitFor(() => expect(made.mock.lastCall?.[0].network).toBe('open'));
  });
});
