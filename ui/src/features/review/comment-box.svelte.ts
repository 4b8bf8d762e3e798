/** The comments of one review, kept by the window under its capture. */
import { Remembered } from '../../state/remembered.svelte';
import type { Comment } from './comments';

export class CommentBox {
  #sandbox: string;
  #kept = $state.raw<Remembered<Comment[]> | null>(null);

  constructor(sandbox: string) {
    this.#sandbox = sandbox;
  }

  /** Comments go on with the next capture: the places they quote are in them. */
  follow(capture: string): void {
    void capture;
    this.#kept ??= new Remembered<Comment[]>(`comments.${this.#sandbox}`, []);
  }

  get all(): Comment[] {
    return this.#kept?.value ?? [];
  }

  get unsent(): Comment[] {
    return this.all.filter((comment) => !comment.sent);
  }

  add(comment: Comment): void {
    if (this.#kept) this.#kept.value = [...this.all, comment];
  }

  drop(id: string): void {
    if (this.#kept) this.#kept.value = this.all.filter((comment) => comment.id !== id);
  }

  markSent(ids: ReadonlySet<string>): void {
    if (this.#kept) this.#kept.value = this.all.map((one) => (ids.has(one.id) ? { ...one, sent: true } : one));
  }

  clear(): void {
    if (this.#kept) this.#kept.value = [];
  }
}
