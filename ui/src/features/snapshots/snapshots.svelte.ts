/** The snapshots of one sandbox, the two that are compared, and what is done with them. */
import type { LiveChange, SnapshotRow, WirePath } from '../../ipc';
import { backend } from '../../ipc/current';
import { newOperation } from '../../state/app.svelte';
import { attempt, goBack } from '../../state/sandbox-actions';
import { toasts } from '../../state/toasts.svelte';
import { count } from '../../words/count';
import { pairOf, sideOf, titleOf, type Picked } from './timeline';

/** So long a deleted snapshot can be had back. */
const GRACE = 10_000;

export class Snapshots {
  all = $state.raw<SnapshotRow[]>([]);
  loading = $state(true);
  failure = $state.raw<unknown>(null);
  picked = $state.raw<Picked>([]);
  changes = $state.raw<LiveChange[] | null>(null);
  incomplete = $state(false);
  compareFailure = $state.raw<unknown>(null);
  /** The file whose diff is open. */
  open = $state.raw<LiveChange | null>(null);
  busy = $state<string | null>(null);
  /** The snapshot that a reset goes to when it was asked about the home folder. */
  asking = $state.raw<SnapshotRow | null>(null);
  /** Deleted, but not yet gone. */
  #leaving = $state.raw<ReadonlySet<string>>(new Set());
  #round = 0;

  constructor(readonly sandbox: string) {}

  readonly rows = $derived(this.all.filter((row) => !this.#leaving.has(row.id)));
  readonly pair = $derived(pairOf(this.picked, this.rows));
  readonly target = $derived(this.rows.find((row) => row.id === this.pair?.target) ?? null);
  readonly bytes = $derived(
    this.rows.reduce((sum, row) => sum + (row.kind === 'baseline' ? 0 : row.bytes + (row.home ?? 0)), 0),
  );

  async load(): Promise<void> {
    this.failure = null;
    try {
      this.all = await backend().snapshots(this.sandbox);
      if (!this.pair && this.rows[0]) this.picked = [this.rows[0].id];
    } catch (cause) {
      this.failure = cause;
    }
    this.loading = false;
  }

  async compare(): Promise<void> {
    const { pair } = this;
    this.#round += 1;
    const round = this.#round;
    this.compareFailure = null;
    if (!pair) {
      this.changes = null;
      return;
    }
    try {
      const found = await backend().compare(this.sandbox, sideOf(pair.from), sideOf(pair.to));
      if (round !== this.#round) return;
      this.changes = found.changes;
      this.incomplete = found.incomplete;
    } catch (cause) {
      if (round === this.#round) this.compareFailure = cause;
    }
  }

  async putBack(row: SnapshotRow, paths: WirePath[]): Promise<void> {
    await this.#long('put-back', async (operation) => {
      const report = await backend().putBack(this.sandbox, row.id, paths, operation);
      toasts.show(`Put back ${count(report.files, 'file')}`, { action: this.#undo(report.safety) });
    });
  }

  /** At once; only where the snapshot has a home folder there is something to ask first. */
  async reset(row: SnapshotRow): Promise<void> {
    if (row.home === null) await this.goTo(row, false);
    else this.asking = row;
  }

  async goTo(row: SnapshotRow, withHome: boolean): Promise<void> {
    this.asking = null;
    await this.#long('reset', async (operation) => {
      const report = await goBack(this.sandbox, row.id, operation, withHome);
      const done = withHome ? 'Workspace and home folder reset' : 'Workspace reset';
      toasts.show(done, { action: this.#undo(report.safety, withHome) });
    });
  }

  async rename(row: SnapshotRow, name: string): Promise<boolean> {
    return attempt(() => backend().nameSnapshot(this.sandbox, row.id, name.trim() || null));
  }

  /** Takes it off the list at once and deletes it a little later, so that it can be undone. */
  remove(row: SnapshotRow): void {
    this.#leave(row.id, true);
    const timer = setTimeout(() => {
      void attempt(() => backend().deleteSnapshot(this.sandbox, row.id)).then((went) => {
        if (!went) this.#leave(row.id, false);
      });
    }, GRACE);
    toasts.show(`Deleted “${titleOf(row)}”`, {
      action: {
        label: 'Undo',
        run: () => {
          clearTimeout(timer);
          this.#leave(row.id, false);
        },
      },
    });
  }

  #leave(id: string, leaving: boolean): void {
    const next = new Set(this.#leaving);
    if (leaving) next.add(id);
    else next.delete(id);
    this.#leaving = next;
    if (!this.pair) this.picked = this.rows[0] ? [this.rows[0].id] : [];
  }

  #undo(safety: string, withHome = false): { label: string; run: () => void } {
    return {
      label: 'Undo',
      run: () =>
        void this.#long('undo', async (operation) => {
          await goBack(this.sandbox, safety, operation, withHome);
          toasts.show('Undone');
        }),
    };
  }

  async #long(what: string, work: (operation: string) => Promise<void>): Promise<void> {
    if (this.busy !== null) return;
    this.busy = what;
    await attempt(() => work(newOperation()));
    this.busy = null;
    void this.compare();
  }
}
