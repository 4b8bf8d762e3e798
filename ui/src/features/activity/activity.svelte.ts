/** The activity of one sandbox: read in pages, newest first, kept live. */
import type { ActivityEntry, Event } from '../../ipc';
import { backend } from '../../ipc/current';
import { attempt } from '../../state/sandbox-actions';
import { GROUPS, hasWords, joined, type Group } from './groups';

export class Activity {
  entries = $state.raw<ActivityEntry[]>([]);
  /** Came while the list was scrolled down; shown on request, so that what is read does not move. */
  fresh = $state.raw<ActivityEntry[]>([]);
  more = $state(false);
  loading = $state(true);
  failure = $state.raw<unknown>(null);
  group = $state<Group>('all');
  query = $state('');
  #round = 0;
  #loadingMore = false;

  constructor(readonly sandbox: string) {}

  get #kinds(): ActivityEntry['kind'][] {
    return GROUPS.find((one) => one.value === this.group)?.kinds ?? [];
  }

  async load(): Promise<void> {
    this.#round += 1;
    const round = this.#round;
    this.failure = null;
    try {
      const page = await backend().activity(this.sandbox, this.#kinds, this.query.trim(), null);
      if (round !== this.#round) return;
      this.entries = page.entries;
      this.more = page.more;
      this.fresh = [];
    } catch (cause) {
      if (round === this.#round) this.failure = cause;
    }
    if (round === this.#round) this.loading = false;
  }

  async older(): Promise<void> {
    const last = this.entries.at(-1);
    if (!last || !this.more || this.#loadingMore) return;
    this.#loadingMore = true;
    const round = this.#round;
    await attempt(async () => {
      const page = await backend().activity(this.sandbox, this.#kinds, this.query.trim(), last.id);
      if (round !== this.#round) return;
      this.entries = joined([], [...this.entries, ...page.entries]);
      this.more = page.more;
    });
    this.#loadingMore = false;
  }

  /** An entry as it happens; `atTop` shows it at once. */
  hear(event: Event, atTop: boolean): void {
    if (event.type !== 'activity' || event.sandbox !== this.sandbox) return;
    const kinds = this.#kinds;
    if (kinds.length > 0 && !kinds.includes(event.entry.kind)) return;
    if (this.query.trim() && !hasWords(event.entry, this.query.trim())) return;
    if (atTop) this.entries = joined([event.entry], this.entries);
    else this.fresh = joined([event.entry], this.fresh);
  }

  showFresh(): void {
    this.entries = joined(this.fresh, this.entries);
    this.fresh = [];
  }
}
