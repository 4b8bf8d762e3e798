/** What keys do inside the diff: from change to change, from line to line, and the comment on what is chosen. */
import { tick } from 'svelte';
import type { Mode } from '../../components/diff/rows';
import { backend } from '../../ipc/current';
import { attempt } from '../../state/sandbox-actions';
import { toasts } from '../../state/toasts.svelte';
import { count } from '../../words/count';
import { asMarkdown, newComment, type Comment } from './comments';
import type { OpenDiff } from './diff.svelte';
import type { ReviewState } from './review.svelte';

type View = { revealHunk: (hunk: number) => void; revealLine: (hunk: number, line: number) => void };

export class LineCursor {
  view = $state<View | null>(null);
  element = $state<HTMLDivElement | null>(null);

  constructor(readonly review: ReviewState) {}

  get #diff(): OpenDiff | null {
    return this.review.diff;
  }

  /** The next or previous change; at the end of a file the next one that is shown. */
  async change(by: 1 | -1): Promise<void> {
    const diff = this.#diff;
    if (!diff) return;
    const next = diff.current + by;
    if (next < 0 || diff.total === 0) return;
    if (next >= diff.hunks.length && !(await diff.more())) return;
    diff.selection = null;
    diff.composer = null;
    await tick();
    this.view?.revealHunk(Math.min(next, diff.hunks.length - 1));
  }

  /** A line up or down among the changed ones; with `grow` more are chosen. */
  line(by: 1 | -1, grow: boolean): void {
    const diff = this.#diff;
    const hunk = diff?.hunks[diff.selection?.hunk ?? diff.current];
    if (!diff || !hunk) return;
    const { selection } = diff;
    if (!selection) {
      const first = hunk.lines.findIndex((line) => line.kind !== 'context');
      diff.selection = { hunk: diff.current, from: first, to: first };
    } else if (grow) {
      const to = Math.max(selection.from, Math.min(hunk.lines.length - 1, selection.to + by));
      diff.selection = { ...selection, to };
    } else this.#step(diff, selection.hunk, (by > 0 ? selection.to : selection.from) + by, by);
    const { selection: now } = diff;
    if (now) this.view?.revealLine(now.hunk, by > 0 ? now.to : now.from);
  }

  #step(diff: OpenDiff, at: number, line: number, by: 1 | -1): void {
    const hunk = diff.hunks[at];
    if (!hunk) return;
    if (line >= 0 && line < hunk.lines.length) {
      diff.selection = { hunk: at, from: line, to: line };
      return;
    }
    const next = diff.hunks[at + by];
    if (!next) return;
    const there = by > 0 ? 0 : next.lines.length - 1;
    diff.current = at + by;
    diff.selection = { hunk: at + by, from: there, to: there };
  }

  /** Decides on the chosen lines; false when none are chosen. */
  decideLines(accept: boolean | 'turn'): boolean {
    const diff = this.#diff;
    const hunk = diff?.selection ? diff.hunks[diff.selection.hunk] : undefined;
    if (!diff?.selection || !hunk || diff.written) return false;
    const { from, to } = diff.selection;
    const lines: number[] = [];
    for (let at = from; at <= to; at += 1) if (hunk.lines[at]?.kind !== 'context') lines.push(at);
    if (lines.length === 0) return true;
    const now = hunk.decision !== 'undecided' && lines.every((at) => hunk.lines[at]?.accepted);
    const how = accept === 'turn' ? !now : accept;
    void this.review.decide({ on: 'lines', path: diff.file.path, hunk: hunk.id, lines, accept: how });
    return true;
  }

  decideHunk(accept: boolean): void {
    const diff = this.#diff;
    const hunk = diff?.hunks[diff.current];
    if (diff && hunk && !diff.written)
      void this.review.decide({ on: 'hunk', path: diff.file.path, hunk: hunk.id, accept });
  }

  /** Opens the comment box under the chosen lines. */
  comment(): void {
    const diff = this.#diff;
    if (!diff || diff.written) return;
    if (!diff.selection) this.line(1, false);
    if (diff.selection) diff.composer = { hunk: diff.selection.hunk, line: diff.selection.to };
  }

  add(text: string): Comment | null {
    const diff = this.#diff;
    const hunk = diff?.selection ? diff.hunks[diff.selection.hunk] : undefined;
    if (!diff?.selection || !hunk || text.trim() === '') return null;
    const comment = newComment(diff.file.path, hunk, diff.selection.from, diff.selection.to, text);
    this.review.comments.add(comment);
    this.clear();
    return comment;
  }

  /** True when there was something to clear. */
  clear(): boolean {
    const diff = this.#diff;
    if (!diff || (!diff.selection && !diff.composer)) return false;
    diff.selection = null;
    diff.composer = null;
    this.element?.focus({ preventScroll: true });
    return true;
  }

  setMode(mode: Mode): void {
    this.review.mode = mode;
  }

  copy(comments: readonly Comment[]): void {
    void attempt(async () => {
      await backend().copyText(asMarkdown(comments));
      toasts.show(`Copied ${count(comments.length, 'comment')} as Markdown`);
    });
  }
}
