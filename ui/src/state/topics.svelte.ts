/**
 * What has to be read again after an event. One exhaustive table: an event without a row is a compile error.
 * A panel reads `topics.version(topic, sandbox)` in its effect; it grows when its data are stale.
 */
import { SvelteMap } from 'svelte/reactivity';
import type { Event } from '../ipc';

export type Topic = 'changes' | 'files' | 'snapshots' | 'review' | 'activity' | 'terminals' | 'ports';

type Rows = { [Type in Event['type']]: (event: Extract<Event, { type: Type }>) => [Topic[], string | null] };

const STALE: Rows = {
  engine: () => [[], null],
  image: () => [[], null],
  image_log: () => [[], null],
  sandbox: () => [[], null],
  sandbox_removed: () => [[], null],
  progress: () => [[], null],
  workspace: (event) => [['changes', 'files'], event.sandbox],
  terminal: () => [[], null],
  terminal_closed: () => [[], null],
  activity: (event) => [['activity'], event.sandbox],
  snapshots: (event) => [['snapshots'], event.sandbox],
  review: (event) => [['review', 'changes'], event.sandbox],
  ask: () => [[], null],
  ask_ended: () => [[], null],
  ports: (event) => [['ports'], event.sandbox],
  settings: () => [[], null],
};

export const ALL_TOPICS: Topic[] = ['changes', 'files', 'snapshots', 'review', 'activity', 'terminals', 'ports'];

class Topics {
  #versions = new SvelteMap<string, number>();

  version(topic: Topic, sandbox: string): number {
    return (this.#versions.get(`${topic} ${sandbox}`) ?? 0) + (this.#versions.get(topic) ?? 0);
  }

  touch(topic: Topic, sandbox: string): void {
    this.#grow(`${topic} ${sandbox}`);
  }

  /** After a gap in the stream: everything. */
  touchAll(): void {
    for (const topic of ALL_TOPICS) this.#grow(topic);
  }

  apply(event: Event): void {
    // The table's row takes exactly this event; TypeScript cannot tie the two by itself.
    const row = STALE[event.type] as (event: Event) => [Topic[], string | null];
    const [stale, sandbox] = row(event);
    if (sandbox === null) return;
    for (const topic of stale) this.touch(topic, sandbox);
  }

  #grow(key: string): void {
    this.#versions.set(key, (this.#versions.get(key) ?? 0) + 1);
  }
}

export const topics = new Topics();
