/** The diff of the file that is looked at: loaded in parts, unfolded in places, decided on at once. */
import type { Decide, DiffHunk, DiffLine, FileDiff, ReviewFile } from '../../ipc';
import { backend } from '../../ipc/current';
import { diffRows, gapAfter, gapBefore, type Mode, type Place, type Row } from '../../components/diff/rows';
import type { Selection } from '../../components/diff/selection';
import { attempt } from '../../state/sandbox-actions';
import { pathKey } from '../../words/path';
import { decideHunks } from './decisions';
import { isBarred } from './filter';

const FIRST_HUNKS = 100;
/** The engine gives no more at once. */
const NEXT_HUNKS = 500;
/** A fold longer than this opens in parts. */
const UNFOLD = 400;

export class OpenDiff {
  readonly key: string;
  result = $state.raw<FileDiff | null>(null);
  failure = $state.raw<unknown>(null);
  hunks = $state.raw<readonly DiffHunk[]>([]);
  moreHunks = $state(0);
  /** A program wrote it and nothing in it asks for a look: its lines wait until they are wanted. */
  folded = $state(false);
  unfolded = $state.raw<ReadonlyMap<string, { lines: readonly DiffLine[] }>>(new Map());
  current = $state(0);
  selection = $state.raw<Selection | null>(null);
  composer = $state.raw<Place | null>(null);
  #loadingMore = false;
  /** The next hunk to ask for; those of whitespace may have been left out of the answers. */
  #next = 0;

  constructor(
    readonly sandbox: string,
    readonly capture: string,
    /** What the capture is compared with. */
    base: string,
    readonly file: ReviewFile,
    readonly ignoreWhitespace: boolean,
    /** Only what is accepted: read, not decided on. */
    readonly written = false,
  ) {
    this.key = `${capture}\n${base}\n${pathKey(file.path)}\n${ignoreWhitespace}\n${written}`;
  }

  get total(): number {
    return this.hunks.length + this.moreHunks;
  }

  rows(mode: Mode, commented: ReadonlySet<string>): Row[] {
    if (this.result?.kind !== 'text') return [];
    return diffRows({
      hunks: this.hunks,
      newTotal: this.result.new_total,
      moreHunks: this.moreHunks,
      mode,
      unfolded: this.unfolded,
      commented,
      composer: this.composer,
    });
  }

  async load(): Promise<void> {
    this.failure = null;
    try {
      this.#next = 0;
      const result = await this.#ask(FIRST_HUNKS);
      this.result = result;
      this.folded = isFolded(result, this.file);
      if (!this.folded) this.open();
    } catch (cause) {
      this.failure = cause;
    }
  }

  /** Shows the lines. */
  open(): void {
    this.folded = false;
    if (this.result?.kind !== 'text') return;
    this.hunks = this.result.hunks;
    this.moreHunks = this.result.more_hunks;
  }

  /** The next part; false when there is none. */
  async more(): Promise<boolean> {
    if (this.moreHunks === 0 || this.#loadingMore) return false;
    this.#loadingMore = true;
    const went = await attempt(async () => {
      const result = await this.#ask(NEXT_HUNKS);
      if (result.kind !== 'text') return;
      this.hunks = [...this.hunks, ...result.hunks];
      this.moreHunks = result.more_hunks;
    });
    this.#loadingMore = false;
    return went;
  }

  /** Opens the fold above a hunk, nearest lines first, or the one at the end. */
  async unfold(key: string): Promise<void> {
    if (this.result?.kind !== 'text') return;
    const before = this.unfolded.get(key)?.lines ?? [];
    const at = this.hunks.findIndex((hunk) => hunk.id === key);
    const gap = key === 'tail' ? gapAfter(this.hunks, this.result.new_total) : gapBefore(this.hunks, at);
    const left = gap.count - before.length;
    if (left <= 0) return;
    const some = Math.min(left, UNFOLD);
    const from = key === 'tail' ? gap.newFrom + before.length : gap.newFrom + left - some;
    await attempt(async () => {
      const { lines } = await backend().unchangedLines(
        this.sandbox,
        this.capture,
        this.file.path,
        from,
        some,
        this.written,
      );
      const all = key === 'tail' ? [...before, ...lines] : [...lines, ...before];
      this.unfolded = new Map(this.unfolded).set(key, { lines: all });
    });
  }

  /** Shows a decision before the engine has answered. */
  decide(decide: Decide): void {
    this.hunks = decideHunks(this.hunks, decide);
  }

  async #ask(most: number): Promise<FileDiff> {
    const options = {
      ignore_whitespace: this.ignoreWhitespace,
      context: 3,
      from_hunk: this.#next,
      max_hunks: most,
    };
    const { sandbox, capture, file } = this;
    const answer = this.written
      ? await backend().acceptedDiff(sandbox, capture, file.path, options)
      : await backend().fileDiff(sandbox, capture, file.path, options);
    this.#next += most;
    return answer;
  }
}

/** What acts on this computer, conflicts or hides characters is never folded away. */
function isFolded(result: FileDiff, file: ReviewFile): boolean {
  if (result.kind !== 'text' || result.made_by === null) return false;
  return file.risks.length === 0 && !isBarred(file) && !file.conflict && result.hidden.length === 0;
}
