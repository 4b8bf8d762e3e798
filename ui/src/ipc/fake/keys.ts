/** Keys of model providers. Even the fake forgets the key at once. */
import type { KeyList, KeyPlace, KeyRow } from '../index';
import type { Part } from './part';
import type { World } from './world';

export function fakeKeys(world: World): Part<'keys' | 'setKey' | 'removeKey' | 'useKeys'> {
  let rows: KeyRow[] = [
    {
      provider: 'anthropic',
      name: 'Anthropic',
      what: 'Claude models',
      page: 'console.anthropic.com',
      kept: { place: 'keychain', since: Date.now() - 9 * 24 * 3600 * 1000, server: null, model: null },
    },
    {
      ...row('openai', 'OpenAI', 'GPT and o models', 'platform.openai.com'),
      kept: world.is('keys-kept') ? kept('file', 'https://models.office.example/openai', null) : null,
    },
    row('google', 'Google', 'Gemini models', 'aistudio.google.com'),
    row('openrouter', 'OpenRouter', 'many providers’ models', 'openrouter.ai'),
    {
      ...row(
        'own',
        'Own model server',
        'Ollama, vLLM, LM Studio, a company’s gateway: what speaks OpenAI’s protocol',
        '',
      ),
      kept: world.is('keys-kept') ? kept('keychain', 'https://models.office.example/v1', 'qwen3-coder:30b') : null,
    },
  ];
  const list = (): Promise<KeyList> => world.answer({ rows, no_keychain: null });
  const put = (provider: string, kept: KeyRow['kept']): Promise<KeyList> => {
    rows = rows.map((one) => (one.provider === provider ? { ...one, kept } : one));
    return list();
  };
  return {
    keys: () => (world.is('lists-fail') ? unread(world) : list()),
    setKey: ({ provider, key, place, server, model }) => {
      const before = rows.find((one) => one.provider === provider)?.kept;
      if (key === null && place !== 'nowhere')
        return before ? put(provider, { ...before, model }) : world.fail('not_found', 'There is no such key.');
      return put(provider, { place, since: Date.now(), server, model });
    },
    removeKey: (provider) => put(provider, null),
    useKeys: async (sandbox, keys) => world.update(sandbox, { keys }),
  };
}

function row(provider: string, name: string, what: string, page: string): KeyRow {
  return { provider, name, what, page, kept: null };
}

const kept = (place: KeyPlace, server: string, model: string | null): KeyRow['kept'] => ({
  place,
  since: Date.now() - 9 * 24 * 3600 * 1000,
  server,
  model,
});

/** A list that cannot be read. */
export const unread = (world: World): Promise<never> =>
  world.fail('io', 'Its file in the app’s data could not be read.', {
    safe: 'What is kept stays as it is.',
    details: 'keys.json: permission denied (os error 13)',
  });
