/** The review of one sandbox: its capture, what is shown of it, and the decisions on their way. */
import type { Decide, Review, ReviewFile, ReviewFilters, WirePath } from '../../ipc';
import type { Mode } from '../../components/diff/rows';
import { backend } from '../../ipc/current';
import { newOperation } from '../../state/app.svelte';
import { Remembered } from '../../state/remembered.svelte';
import { toasts } from '../../state/toasts.svelte';
import { pathKey } from '../../words/path';
import { CommentBox } from './comment-box.svelte';
import { decideHunks, footer, lineTotals, sumDecisions, takenByAll, tickOfAll } from './decisions';
import { OpenDiff } from './diff.svelte';
import { filterCounts, filterFiles, noFilters } from './filter';
import { treeOrder, treeRows } from './tree';

const mode = new Remembered<Mode>('review-mode', 'unified');
const wrap = new Remembered('review-wrap', true);
const spaces = new Remembered('review-spaces', false);
/** After the last letter of a filter it is kept. */
const TYPED_MS = 300;
const ignore = new Remembered('review-ignore-whitespace', false);

export class ReviewState {
  review = $state.raw<Review | null>(null);
  loading = $state(true);
  failure = $state.raw<unknown>(null);
  /** The operation of a capture or copy-out that runs. */
  operation = $state<{ id: string; what: 'capture' | 'copy-out' } | null>(null);
  /** Files that changed again since the capture; grows while the agent works. */
  again = $state(0);
  selected = $state<string | null>(null);
  /** Of the selected file only what would be written is shown. */
  written = $state(false);
  filters = $state.raw<ReviewFilters>(noFilters);
  closed = $state.raw<ReadonlySet<string>>(new Set());
  diff = $state.raw<OpenDiff | null>(null);
  readonly comments: CommentBox;
  #deciding = 0;
  /** Decisions that were made here so far, and those of them that the engine did not take. */
  #decisions = 0;
  #refusals = 0;
  #remembering: ReturnType<typeof setTimeout> | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(readonly sandbox: string) {
    this.comments = new CommentBox(sandbox);
  }

  readonly files = $derived.by(() => treeOrder(this.review?.files ?? []));
  readonly file = $derived(this.files.find((file) => pathKey(file.path) === this.selected) ?? null);
  readonly visible = $derived(filterFiles(this.files, this.filters, this.file ?? undefined));
  readonly rows = $derived(treeRows(this.visible, this.closed));
  readonly counts = $derived(filterCounts(this.files));
  readonly totals = $derived(lineTotals(this.files));
  readonly tick = $derived(tickOfAll(this.files));
  readonly footer = $derived(this.review ? footer(this.review) : null);

  get mode(): Mode {
    return mode.value;
  }
  set mode(value: Mode) {
    mode.value = value;
  }
  get wrap(): boolean {
    return wrap.value;
  }
  set wrap(value: boolean) {
    wrap.value = value;
  }
  get spaces(): boolean {
    return spaces.value;
  }
  set spaces(value: boolean) {
    spaces.value = value;
  }
  get ignoreWhitespace(): boolean {
    return ignore.value;
  }
  set ignoreWhitespace(value: boolean) {
    ignore.value = value;
    this.open();
  }

  /** Reads the newest capture; `fresh` looks at the workspace anew. */
  async load(fresh: boolean): Promise<void> {
    const id = newOperation();
    this.failure = null;
    if (fresh || !this.review) this.operation = { id, what: 'capture' };
    await this.#queue;
    const decisions = this.#decisions;
    try {
      const review =
        (await backend().review(this.sandbox, fresh, id)) ?? (await backend().review(this.sandbox, true, id));
      // What was decided meanwhile has an answer of its own, which is newer than this one.
      if (decisions === this.#decisions || review?.capture !== this.review?.capture) this.take(review);
    } catch (cause) {
      if (this.review) toasts.failed(cause);
      else this.failure = cause;
    }
    if (this.operation?.id === id) this.operation = null;
    this.loading = false;
  }

  /** Reads the newest capture where nothing is shown yet; takes none, and fails in silence. */
  async prepare(): Promise<void> {
    if (this.review || this.operation) return;
    const review = await backend()
      .review(this.sandbox, false, newOperation())
      .catch(() => null);
    if (!review || this.review) return;
    this.take(review);
    this.loading = false;
    // Worked out now, kept until it is drawn.
    void [this.rows, this.counts, this.totals, this.tick, this.footer];
  }

  /** Counts what changed since, without touching what is read. */
  async recount(): Promise<void> {
    const capture = this.review?.capture;
    if (capture === undefined) return;
    // A look that fails is the work tab's to tell.
    const again = await backend()
      .changedSince(this.sandbox, capture)
      .catch(() => null);
    if (again !== null && this.review?.capture === capture) this.again = again;
  }

  /** Takes an answer; what is being read stays selected if it is still there. */
  take(review: Review | null): void {
    // As they were left, also in another window; from then on this window's own.
    if (review && !this.review) this.filters = review.filters;
    this.review = review;
    this.again = review?.changed_since ?? 0;
    if (review) this.comments.follow(review.capture);
    if (!this.file) this.selected = this.visible[0] ? pathKey(this.visible[0].path) : null;
    if (this.file) this.open();
    else this.diff = null;
  }

  /** Shows other files, and remembers it with the review. */
  narrow(by: Partial<ReviewFilters>): void {
    this.filters = { ...this.filters, ...by };
    clearTimeout(this.#remembering);
    this.#remembering = setTimeout(() => {
      const { filters } = this;
      const kept = this.#queue.then(() => backend().rememberFilters(this.sandbox, filters));
      // Not worth a word: the next change tries again.
      this.#queue = kept.catch(() => undefined);
    }, TYPED_MS);
  }

  select(file: ReviewFile): void {
    if (this.selected !== pathKey(file.path)) this.written = false;
    this.selected = pathKey(file.path);
    for (let at = file.path.text.indexOf('/'); at > 0; at = file.path.text.indexOf('/', at + 1)) {
      const folder = file.path.text.slice(0, at);
      if (this.closed.has(folder)) this.toggleFolder(folder);
    }
    this.open();
  }

  selectPath(path: WirePath): void {
    const file = this.files.find((one) => pathKey(one.path) === pathKey(path));
    if (file) this.select(file);
  }

  /** The next or previous of the files that are shown; stays at the ends. */
  step(by: 1 | -1): void {
    const at = this.visible.findIndex((file) => pathKey(file.path) === this.selected);
    const next = this.visible[Math.max(0, Math.min(this.visible.length - 1, at + by))];
    if (next) this.select(next);
  }

  toggleFolder(path: string): void {
    const closed = new Set(this.closed);
    if (!closed.delete(path)) closed.add(path);
    this.closed = closed;
  }

  foldAll(): void {
    const folders = this.rows.flatMap((row) => (row.kind === 'dir' ? [row.path] : []));
    this.closed = this.closed.size > 0 ? new Set() : new Set(folders);
  }

  /** Opens the diff of the selected file, unless it is open already. */
  open(): void {
    const { file, review } = this;
    if (!file || !review) return;
    const next = new OpenDiff(this.sandbox, review.capture, review.base, file, this.ignoreWhitespace, this.written);
    if (this.diff?.key === next.key && this.diff.failure === null) return;
    this.diff = next;
    void next.load();
  }

  /** What a copy-out would write of the selected file, or all of it with the choices. */
  async showWritten(written: boolean): Promise<void> {
    if (written) await this.settled();
    this.written = written;
    this.open();
  }

  /** Decides at once on the screen, then in the engine, one after the other. */
  decide(decide: Decide): Promise<void> {
    const { review } = this;
    if (!review) return Promise.resolve();
    if (this.written && decide.on !== 'viewed') void this.showWritten(false);
    this.#show(decide);
    this.#deciding += 1;
    this.#decisions += 1;
    const answer = this.#queue.then(() => backend().decide(this.sandbox, review.capture, [decide]));
    this.#queue = answer.catch(() => undefined);
    return answer
      .then(
        (next) => {
          // Older answers do not undo what was clicked since.
          if (this.#deciding === 1 && this.review?.capture === next.capture) {
            this.review = next;
            this.again = next.changed_since;
          }
        },
        (cause: unknown) => {
          this.#refusals += 1;
          toasts.failed(cause);
          this.diff = null;
          void this.load(false);
        },
      )
      .finally(() => (this.#deciding -= 1));
  }

  /** Waits until the engine has heard of every decision. False: it did not take one, which was said. */
  async settled(): Promise<boolean> {
    const refusals = this.#refusals;
    await this.#queue;
    return refusals === this.#refusals;
  }

  #show(decide: Decide): void {
    const { review, diff } = this;
    if (!review) return;
    const key = 'path' in decide ? pathKey(decide.path) : null;
    const open = diff && (key === null || key === pathKey(diff.file.path)) ? diff : null;
    if (open && decide.on !== 'viewed' && (decide.on !== 'all' || (this.file && takenByAll(this.file)))) {
      open.decide(decide.on === 'all' ? { on: 'file', path: open.file.path, accept: decide.accept } : decide);
    }
    const files = review.files.map((file) => {
      if (decide.on === 'all') return takenByAll(file) ? this.#decided(file, decide, null) : file;
      return pathKey(file.path) === key ? this.#decided(file, decide, open) : file;
    });
    this.review = { ...review, files };
  }

  #decided(file: ReviewFile, decide: Decide, open: OpenDiff | null): ReviewFile {
    if (decide.on === 'viewed') return { ...file, viewed: decide.viewed };
    if (decide.on === 'file' || decide.on === 'all')
      return { ...file, decision: decide.accept ? 'accepted' : 'rejected' };
    const hunks = open ? open.hunks : decideHunks([], decide);
    return { ...file, decision: sumDecisions(hunks.map((hunk) => hunk.decision)) };
  }
}
