import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it } from 'vitest';
import { fakeBackend } from '../../ipc/fake';
import { backend, setBackend } from '../../ipc/current';
import Keys from './Keys.svelte';

afterEach(cleanup);

describe('the keys', () => {
  it('are added and removed, and never shown', async () => {
    setBackend(fakeBackend().backend);
    const { container } = render(Keys);
    await userEvent.click(await screen.findByLabelText('Add a key of OpenAI'));
    const field = await screen.findByLabelText('Key');
    expect(field.getAttribute('type')).toBe('password');
    await userEvent.type(field, 'short');
    expect((await screen.findByRole('alert')).textContent).toContain('too short');
    await userEvent.clear(field);
    await userEvent.type(field, 'sk-canary-0123456789');
    await userEvent.click(screen.getByText('Keep the key'));
    await screen.findByLabelText('Replace the key of OpenAI');
    expect(container.innerHTML).not.toContain('canary');
    await userEvent.click(screen.getByLabelText('Remove the key of OpenAI'));
    await screen.findByLabelText('Add a key of OpenAI');
  });

  it('can be a server of one’s own that wants none', async () => {
    setBackend(fakeBackend().backend);
    render(Keys);
    await userEvent.click(await screen.findByLabelText('Add a key of Own model server'));
    await userEvent.type(await screen.findByLabelText('Address'), 'http://localhost:11434/v1');
    await userEvent.click(screen.getByText('Use this server'));
    await waitFor(async () => {
      const own = (await backend().keys()).rows.find((row) => row.provider === 'own');
      expect(own?.kept).toMatchObject({ place: 'nowhere', server: 'http://localhost:11434/v1' });
    });
  });
});
