/** One conflict: its pieces, what was chosen so far, and how it is settled. */
import type { ConflictView, Resolution, WirePath } from '../../ipc';
import { Colours } from '../../components/diff/colours.svelte';
import { backend } from '../../ipc/current';
import { newOperation } from '../../state/app.svelte';
import { attempt } from '../../state/sandbox-actions';
import { mergedLines, mergedText, mergeRows, places, startChoices, undecided, type Choice } from './merge';

export class Conflict {
  view = $state.raw<ConflictView | null>(null);
  taken = $state(0);
  failure = $state.raw<unknown>(null);
  choices = $state.raw<ReadonlyMap<number, Choice>>(new Map());
  /** The piece whose merge is being typed. */
  typing = $state<number | null>(null);
  /** A decided piece that is opened again to be changed. */
  changing = $state<number | null>(null);
  at = $state(0);
  busy = $state(false);
  #open = $state.raw<ReadonlySet<number>>(new Set());
  #capture = '';
  readonly colours: Colours;

  constructor(
    readonly sandbox: string,
    readonly path: WirePath,
  ) {
    this.colours = new Colours(() => path.text);
  }

  readonly pieces = $derived(this.view?.pieces ?? []);
  readonly places = $derived(places(this.pieces));
  readonly open = $derived(undecided(this.pieces, this.choices));
  readonly rows = $derived(mergeRows(this.pieces, this.choices, this.typing, this.#open));

  /** Every place is decided, so the merge can be used. */
  get ready(): boolean {
    return this.view?.text === true && this.places.length > 0 && this.open.length === 0;
  }

  async load(): Promise<void> {
    this.failure = null;
    try {
      const review = await backend().review(this.sandbox, false, newOperation());
      if (!review) throw new Error('there is no capture');
      this.#capture = review.capture;
      this.taken = review.taken;
      const view = await backend().conflict(this.sandbox, review.capture, this.path);
      this.choices = startChoices(view.pieces);
      this.view = view;
      this.colours.whole([view.yours, view.agents, view.base].filter((text) => text !== null));
      this.at = Math.max(0, (this.open[0]?.number ?? 1) - 1);
    } catch (cause) {
      this.failure = cause;
    }
  }

  choose(piece: number, choice: Choice): void {
    this.choices = new Map(this.choices).set(piece, choice);
    this.typing = null;
    this.changing = null;
  }

  /** The text to start typing from: what stands there now. */
  draft(piece: number): string {
    const one = this.pieces[piece];
    return one ? mergedLines(one, this.choices.get(piece)).join('\n') : '';
  }

  type(piece: number, text: string): void {
    this.choose(piece, { take: 'typed', lines: text === '' ? [] : text.split('\n') });
  }

  unfold(piece: number): void {
    this.#open = new Set(this.#open).add(piece);
  }

  /** The next or previous place, going round. */
  step(by: 1 | -1): void {
    const { length } = this.places;
    if (length > 0) this.at = (this.at + by + length) % length;
  }

  /** Settles it; nothing is written before the copy-out. */
  async settle(how: 'yours' | 'agents' | 'merged'): Promise<boolean> {
    const { view } = this;
    if (!view || this.busy) return false;
    const resolution: Resolution =
      how === 'merged'
        ? { take: 'merged', text: mergedText(this.pieces, this.choices, view.yours, view.agents) }
        : { take: how };
    this.busy = true;
    const went = await attempt(() => backend().resolveConflict(this.sandbox, this.#capture, this.path, resolution));
    this.busy = false;
    return went;
  }
}
