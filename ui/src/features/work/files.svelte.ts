/** What the file panel knows: the live changes, and the folders of *All files* that were opened. */
import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import type { LiveChanges, WireError, WirePath } from '../../ipc';
import { backend } from '../../ipc/current';
import { asWireError } from '../../words/errors';
import { pathKey } from '../../words/path';
import type { Known } from './rows';

export class Files {
  readonly sandbox: string;
  changes = $state.raw<LiveChanges | null>(null);
  error = $state<WireError | null>(null);
  closed = new SvelteSet<string>();
  open = new SvelteSet<string>();
  known = new SvelteMap<string, Known>();
  found = $state.raw<WirePath[] | null>(null);
  #paths = new Map<string, WirePath>();
  #reading = false;
  #again = false;
  #asked = 0;

  constructor(sandbox: string) {
    this.sandbox = sandbox;
  }

  /** One question at a time; what changes meanwhile is asked once more after. */
  async readChanges(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    try {
      do {
        this.#again = false;
        this.changes = await backend().liveChanges(this.sandbox);
        this.error = null;
      } while (this.#again);
    } catch (cause) {
      this.error = asWireError(cause);
    }
    this.#reading = false;
  }

  async readFolder(folder: WirePath | null): Promise<void> {
    const key = folder ? pathKey(folder) : '';
    try {
      this.known.set(key, await backend().listFolder(this.sandbox, folder));
    } catch (cause) {
      this.known.set(key, { failed: asWireError(cause).message });
    }
  }

  /** The open folders once more. */
  async readAgain(): Promise<void> {
    await Promise.all([
      this.readFolder(null),
      ...[...this.open].map((key) => this.readFolder(this.#paths.get(key) ?? { text: key })),
    ]);
  }

  toggleFolder(key: string, path: WirePath): void {
    if (this.open.delete(key)) return;
    this.open.add(key);
    this.#paths.set(key, path);
    void this.readFolder(path);
  }

  toggleChanged(key: string): void {
    if (!this.closed.delete(key)) this.closed.add(key);
  }

  async find(query: string, limit: number): Promise<void> {
    const asked = ++this.#asked;
    if (!query.trim()) {
      this.found = null;
      return;
    }
    const found = await backend()
      .findFiles(this.sandbox, query, limit)
      .catch(() => []);
    if (asked === this.#asked) this.found = found;
  }
}
