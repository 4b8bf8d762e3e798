/** What the window remembers of itself: panel widths, tabs, filters. Kept by the web view, lost without harm. */
const PREFIX = 'agent-sandbox.';

export class Remembered<T> {
  #key: string;
  #value: T;

  constructor(key: string, initial: T) {
    this.#key = PREFIX + key;
    this.#value = $state(read(this.#key, initial));
  }

  get value(): T {
    return this.#value;
  }

  set value(next: T) {
    this.#value = next;
    try {
      localStorage.setItem(this.#key, JSON.stringify(next));
    } catch {
      // Full or forbidden: then it is not remembered.
    }
  }
}

function read<T>(key: string, initial: T): T {
  try {
    const text = localStorage.getItem(key);
    return text === null ? initial : (JSON.parse(text) as T);
  } catch {
    return initial;
  }
}
