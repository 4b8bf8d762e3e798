/** Every setting by page and words: what the search finds, and what the pages are made of. */
export type Page = 'general' | 'agents' | 'network' | 'limits' | 'snapshots' | 'disk' | 'engine' | 'keyboard';

export const PAGES: { id: Page; name: string; words: string }[] = [
  {
    id: 'general',
    name: 'General',
    words:
      'look theme light dark system text size reduce motion window closes agents go on stop start at login autostart tray notify finishes waits asks site new sandboxes terminal font copy select',
  },
  {
    id: 'agents',
    name: 'Agents and keys',
    words:
      'claude codex gemini opencode aider shell own command api key anthropic openai google openrouter ollama model server keychain default agent log-in account token',
  },
  {
    id: 'network',
    name: 'Network',
    words: 'offline approved sites open allow block rules internet proxy company office',
  },
  { id: 'limits', name: 'Limits', words: 'cpu cores memory processes largest file size' },
  { id: 'snapshots', name: 'Snapshots', words: 'automatic quiet backups copy-outs days keep undo' },
  {
    id: 'disk',
    name: 'Disk use',
    words:
      'space free another disk drive data folder place workspace home trash backups images store remove everything clean',
  },
  {
    id: 'engine',
    name: 'Container engine',
    words: 'docker podman version check fence image environment prepare packages apt debian dockerfile',
  },
  { id: 'keyboard', name: 'Keyboard', words: 'shortcuts keys single letter review palette' },
];

export function pageOf(id: string | null): Page {
  return PAGES.find((page) => page.id === id)?.id ?? 'general';
}

/** Pages that have every word of the query in their name or among their settings. */
export function findPages(query: string): typeof PAGES {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return PAGES.filter((page) => words.every((word) => `${page.name} ${page.words}`.toLowerCase().includes(word)));
}

export type Part = { name: string; bytes: number; tone: 1 | 2 | 3 | 4 | 5 };

/** Shares of a bar that add up to all of it; a part that holds something is never invisible. */
export function shares(parts: readonly Part[]): (Part & { share: number })[] {
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  if (total === 0) return [];
  const raw = parts
    .filter((part) => part.bytes > 0)
    .map((part) => ({ ...part, share: Math.max(0.5, (part.bytes / total) * 100) }));
  const sum = raw.reduce((all, part) => all + part.share, 0);
  return raw.map((part) => ({ ...part, share: (part.share / sum) * 100 }));
}
