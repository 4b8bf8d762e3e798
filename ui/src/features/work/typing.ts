/**
 * What is typed, on its way to the program: one message at a time, so that keys arrive in the order they were
 * struck, and what is struck meanwhile goes together.
 */
export class Typing {
  #waiting: Uint8Array[] = [];
  #sending = false;

  constructor(
    private readonly send: (bytes: Uint8Array) => Promise<void>,
    private readonly onfailure: (cause: unknown) => void,
    /** Bytes of one message, so that a large paste cannot be one huge message. */
    private readonly most = 16 * 1024,
  ) {}

  type(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += this.most)
      this.#waiting.push(bytes.subarray(from, from + this.most));
    if (!this.#sending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#waiting.length > 0) await this.send(this.#next());
    } catch (cause) {
      // What follows something lost would mean something else.
      this.#waiting = [];
      this.onfailure(cause);
    }
    this.#sending = false;
  }

  #next(): Uint8Array {
    let length = 0;
    let pieces = 0;
    for (const piece of this.#waiting) {
      if (pieces > 0 && length + piece.length > this.most) break;
      length += piece.length;
      pieces += 1;
    }
    const message = new Uint8Array(length);
    let at = 0;
    for (const piece of this.#waiting.splice(0, pieces)) {
      message.set(piece, at);
      at += piece.length;
    }
    return message;
  }
}
