/** Keys of model providers. Even the fake forgets the key at once. */
import type { KeyList, KeyRow } from '../index';
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
    row('openai', 'OpenAI', 'GPT and o models', 'platform.openai.com'),
    row('google', 'Google', 'Gemini models', 'aistudio.google.com'),
    row('openrouter', 'OpenRouter', 'many providers’ models', 'openrouter.ai'),
    row('own', 'Own model server', 'Ollama, vLLM, LM Studio, a company’s gateway: what speaks OpenAI’s protocol', ''),
  ];
  const list = (): Promise<KeyList> => world.answer({ rows, no_keychain: null });
  const put = (provider: string, kept: KeyRow['kept']): Promise<KeyList> => {
    rows = rows.map((one) => (one.provider === provider ? { ...one, kept } : one));
    return list();
  };
  return {
    keys: list,
    setKey: ({ provider, place, server, model }) => put(provider, { place, since: Date.now(), server, model }),
    removeKey: (provider) => put(provider, null),
    useKeys: async (sandbox, keys) => world.update(sandbox, { keys }),
  };
}

function row(provider: string, name: string, what: string, page: string): KeyRow {
  return { provider, name, what, page, kept: null };
}
