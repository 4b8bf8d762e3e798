/** The activity of one sandbox: read in pages, newest first, kept live. */
import type { ActivityEntry, ActivityKind, ActivityPage, Event } from '../../ipc';
import { backend } from '../../ipc/current';
import { Remembered } from '../../state/remembered.svelte';
import { attempt } from '../../state/sandbox-actions';
import { GROUPS, hasWords, joined, sinceTime, type Group, type Since } from './groups';

const group = new Remembered<Group>('activity-group', 'all');

export class Activity {
  entries = $state.raw<ActivityEntry[]>([]);
  /** Came while the list was scrolled down; shown on request, so that what is read does not move. */
  fresh = $state.raw<ActivityEntry[]>([]);
  more = $state(false);
  /** Of all kinds, with the filter's words. */
  counts = $state.raw<Partial<Record<ActivityKind, number>>>({});
  loading = $state(true);
  failure = $state.raw<unknown>(null);
  query = $state('');
  since = $state<Since>('ever');
  #round = 0;
  #loadingMore = false;

  constructor(readonly sandbox: string) {}

  get group(): Group {
    return group.value;
  }
  set group(value: Group) {
    group.value = value;
  }

  get #kinds(): ActivityEntry['kind'][] {
    return GROUPS.find((one) => one.value === this.group)?.kinds ?? [];
  }

  #ask(before: number | null): Promise<ActivityPage> {
    const since = sinceTime(this.since, Date.now());
    return backend().activity(this.sandbox, this.#kinds, this.query.trim(), before, since);
  }

  async load(): Promise<void> {
    this.#round += 1;
    const round = this.#round;
    this.failure = null;
    try {
      const page = await this.#ask(null);
      if (round !== this.#round) return;
      this.entries = page.entries;
      this.more = page.more;
      this.counts = page.counts;
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
      const page = await this.#ask(last.id);
      if (round !== this.#round) return;
      this.entries = joined([], [...this.entries, ...page.entries]);
      this.more = page.more;
    });
    this.#loadingMore = false;
  }

  /** Entries as they happen; `atTop` shows them at once. */
  hear(event: Event, atTop: boolean): void {
    if (event.type !== 'activity' || event.sandbox !== this.sandbox) return;
    const query = this.query.trim();
    if (!query) {
      const counts = { ...this.counts };
      for (const { kind } of event.entries) counts[kind] = (counts[kind] ?? 0) + 1;
      this.counts = counts;
    }
    const kinds = this.#kinds;
    const passing = event.entries.filter(
      (entry) => (kinds.length === 0 || kinds.includes(entry.kind)) && (!query || hasWords(entry, query)),
    );
    if (passing.length === 0) return;
    if (atTop) this.entries = joined(passing, this.entries);
    else this.fresh = joined(passing, this.fresh);
  }

  showFresh(): void {
    this.entries = joined(this.fresh, this.entries);
    this.fresh = [];
  }
}
