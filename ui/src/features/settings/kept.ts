/** Keys in words: where one is kept, and what it means for the agents that use it. */
import type { AgentCard, KeyKept, KeyPlace, KeyRow, SandboxRow } from '../../ipc';
import { list } from '../../words/count';
import { date } from '../../words/time';

export const PLACE_WORDS: Record<KeyPlace, string> = {
  keychain: 'In the system’s keychain',
  file: 'In a file that only you can read',
  session: 'In memory, until the app ends',
  nowhere: 'No key is needed',
};

export function keptWords(kept: KeyKept): string {
  const parts = [PLACE_WORDS[kept.place], `since ${date(kept.since)}`];
  if (kept.server) parts.push(kept.server);
  if (kept.model) parts.push(kept.model);
  return parts.join(' · ');
}

/** What is wrong with what was typed, or null. The engine checks again. */
export function keyProblem(key: string): string | null {
  const text = key.trim();
  if (!text) return null;
  if (text.length < 8) return 'That is too short to be a key.';
  if (!/^[\x21-\x7e]+$/.test(text)) return 'A key has no spaces and only plain letters, digits and signs.';
  return null;
}

/** Agents that use a provider's key by themselves. */
export function usersOf(provider: string, agents: readonly AgentCard[]): string[] {
  return agents.filter((agent) => agent.keys.includes(provider)).map((agent) => agent.name);
}

const UP: SandboxRow['status'][] = ['working', 'waiting', 'idle', 'paused'];

/**
 * What a first key does to agents that may run by a log-in of their own (a subscription): the key is used instead,
 * at once. Null where nothing changes for any.
 */
export function keyMeaning(row: KeyRow, agents: readonly AgentCard[], sandboxes: readonly SandboxRow[]): string | null {
  const names = usersOf(row.provider, agents);
  if (row.provider === 'own' || row.kept !== null || names.length === 0) return null;
  const ids = agents.filter((agent) => agent.keys.includes(row.provider)).map((agent) => agent.id);
  const now = sandboxes.filter(
    (one) => UP.includes(one.status) && one.network !== 'offline' && ids.includes(one.agent),
  );
  const use = `${list(names)} ${names.length === 1 ? 'uses' : 'use'} this key instead of a log-in of ${names.length === 1 ? 'its' : 'their'} own, a subscription for instance; the key’s account pays then.`;
  if (now.length === 0) return use;
  const where = list(now.map((one) => one.name));
  return `${use} At once in ${where}: what an agent there is sending by its log-in is cut off. Start it again in a new terminal: that has the key.`;
}
