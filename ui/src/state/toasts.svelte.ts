/**
 * Short notes at the bottom, the newest three. One with an action stays ten seconds, longer while it is held;
 * a failure stays until it is dismissed.
 */
import type { ToastView } from '../components/Toasts.svelte';
import { asWireError, wordsFor } from '../words/errors';

const STAY = 10_000;
const STAY_PLAIN = 5_000;
const MOST = 3;

interface Toast extends ToastView {
  held: boolean;
}

class Toasts {
  list = $state<Toast[]>([]);
  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  show(text: string, options: { tone?: ToastView['tone']; action?: ToastView['action'] } = {}): number {
    const id = this.#next++;
    this.list = [...this.list, { id, text, tone: options.tone ?? 'ok', action: options.action, held: false }];
    for (const old of this.list.slice(0, -MOST)) this.dismiss(old.id);
    this.#wait(id);
    return id;
  }

  /** What an operation rejected with, in the table's words. A cancelled one says nothing. */
  failed(cause: unknown, action?: ToastView['action']): void {
    const error = asWireError(cause);
    const { severity } = wordsFor(error);
    if (severity === 'quiet') return;
    const text = error.fix ? `${error.message} ${error.fix}` : error.message;
    this.show(text, { tone: severity === 'failure' ? 'failure' : 'notice', action });
  }

  hold(id: number, held: boolean): void {
    const toast = this.list.find((other) => other.id === id);
    if (!toast) return;
    toast.held = held;
    if (held) clearTimeout(this.#timers.get(id));
    else this.#wait(id);
  }

  dismiss(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  #wait(id: number): void {
    clearTimeout(this.#timers.get(id));
    const toast = this.list.find((other) => other.id === id);
    if (!toast || toast.tone === 'failure') return;
    this.#timers.set(
      id,
      setTimeout(() => this.dismiss(id), toast.action ? STAY : STAY_PLAIN),
    );
  }
}

export const toasts = new Toasts();
