import { cleanup, render, screen, waitFor } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';
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

  it('stay where only the model of one’s own server changes; not to another address', async () => {
    setBackend(fakeBackend({ state: 'keys-kept' }).backend);
    const sent = vi.spyOn(backend(), 'setKey');
    render(Keys);
    await userEvent.click(await screen.findByLabelText('Replace the key of Own model server'));
    expect(screen.getByRole('checkbox')).toBeChecked();
    const model = screen.getByLabelText('Model', { selector: 'input' });
    await userEvent.clear(model);
    await userEvent.type(model, 'qwen3:8b');

    const server = screen.getByLabelText('Address', { selector: 'input' });
    await userEvent.type(server, '/x');
    expect(screen.getByText('Keep the key').closest('button')).toBeDisabled();
    expect(document.body.textContent).toContain('type the key of that server');
    await userEvent.type(server, '{Backspace}{Backspace}');

    await userEvent.click(screen.getByText('Use this server'));
    const address = 'https://models.office.example/v1';
    const wanted = { provider: 'own', key: null, place: 'keychain', server: address, model: 'qwen3:8b' };
    await waitFor(() => expect(sent).toHaveBeenCalledWith(wanted));
    const own = (await backend().keys()).rows.find((row) => row.provider === 'own');
    expect(own?.kept).toMatchObject({ place: 'keychain', server: address, model: 'qwen3:8b' });
  });

  it('are forgotten where the server is said to want none any more', async () => {
    setBackend(fakeBackend({ state: 'keys-kept' }).backend);
    render(Keys);
    await userEvent.click(await screen.findByLabelText('Replace the key of Own model server'));
    await userEvent.click(screen.getByRole('checkbox'));
    await userEvent.click(screen.getByText('Use this server'));
    await waitFor(async () => {
      const own = (await backend().keys()).rows.find((row) => row.provider === 'own');
      expect(own?.kept?.place).toBe('nowhere');
    });
  });

  it('go on to the server that stands in a provider’s place, when one is replaced', async () => {
    setBackend(fakeBackend({ state: 'keys-kept' }).backend);
    const sent = vi.spyOn(backend(), 'setKey');
    render(Keys);
    await userEvent.click(await screen.findByLabelText('Replace the key of OpenAI'));
    expect(document.body.textContent).toContain('It goes to https://models.office.example/openai');
    await userEvent.type(screen.getByLabelText('Key', { selector: 'input' }), 'sk-canary-0123456789');
    await userEvent.click(screen.getByText('Keep the key'));
    await waitFor(() =>
      expect(sent.mock.lastCall?.[0]).toMatchObject({
        place: 'file',
        server: 'https://models.office.example/openai',
      }),
    );
  });

  it('that cannot be read are not said to be read for ever', async () => {
    const { backend: fake, world } = fakeBackend({ state: 'lists-fail' });
    setBackend(fake);
    render(Keys);
    expect((await screen.findByRole('alert')).textContent).toContain('The kept keys could not be read');
    world.options.state = '';
    await userEvent.click(screen.getByLabelText('Read again: The kept keys'));
    await screen.findByLabelText('Add a key of OpenAI');
    expect(screen.queryByRole('alert')).toBeNull();
  });
});
