/** What the parts of the fake backend share: the state, how long an answer takes, and the event stream. */
import type { Event, Numbered, SandboxRow, WireError, ErrorCode } from '../index';
import { sampleRows } from './rows';

export interface FakeOptions {
  /** Milliseconds before an answer; 0 in tests. */
  latency: number;
  /** A named situation for pictures and tests: `first-start`, `empty`, `engine-stopped`, `large`… */
  state: string;
}

export class World {
  readonly options: FakeOptions;
  rows: SandboxRow[] = [];
  #seq = 0;
  #listeners = new Set<(event: Numbered) => void>();
  #cancelled = new Set<string>();

  constructor(options: Partial<FakeOptions> = {}) {
    this.options = { latency: 0, state: '', ...options };
    if (!this.is('empty', 'empty-slow', 'first-start', 'hand-over')) this.rows = sampleRows(this.options.state);
  }

  is(...states: string[]): boolean {
    return states.includes(this.options.state);
  }

  /** An answer after the latency. A copy, as one that came over the wire. */
  async answer<T>(value: T): Promise<T> {
    await this.pass(this.options.latency);
    return structuredClone(value);
  }

  async fail(code: ErrorCode, message: string, more: Partial<WireError> = {}): Promise<never> {
    await this.pass(this.options.latency);
    throw { code, message, ...more } satisfies WireError;
  }

  async pass(milliseconds: number): Promise<void> {
    if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  emit(event: Event): void {
    this.#seq += 1;
    for (const listener of this.#listeners) listener({ seq: this.#seq, event: structuredClone(event) });
  }

  subscribe(listener: (event: Numbered) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The row, after a change of it was told to all. */
  update(sandbox: string, change: Partial<SandboxRow>): void {
    const row = this.rows.find((other) => other.id === sandbox);
    if (!row) return;
    Object.assign(row, change);
    this.emit({ type: 'sandbox', row });
  }

  cancel(operation: string): void {
    this.#cancelled.add(operation);
  }

  isCancelled(operation: string): boolean {
    return this.#cancelled.has(operation);
  }
}
