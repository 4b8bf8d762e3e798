/** Where a key is kept, in words. */
import type { KeyKept, KeyPlace } from '../../ipc';
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
