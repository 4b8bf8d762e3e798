/** Syntax colours for the changes on the screen, asked for once each. */
import { highlight } from '../../highlight/highlight';
import type { Token } from '../../highlight/roles';
import type { DiffHunk, DiffLine } from '../../ipc';

/** A change longer than this is shown plain: nobody reads it for its syntax. */
const MOST_LINES = 4000;

export class Colours {
  #path: () => string;
  #asked = new Set<string>();
  #askedFor = '';
  /** By text: the same line has the same colours wherever it stands. */
  #tokens = new Map<string, Token[]>();
  #version = $state(0);

  constructor(path: () => string) {
    this.#path = path;
  }

  of(line: DiffLine): readonly Token[] | undefined {
    return this.ofText(line.text);
  }

  ofText(text: string): readonly Token[] | undefined {
    void this.#version;
    return this.#tokens.get(text);
  }

  /** Asks for what is seen and not known. */
  want(visible: readonly number[], hunks: readonly DiffHunk[], same: readonly DiffLine[]): void {
    const path = this.#path();
    if (path !== this.#askedFor) {
      this.#askedFor = path;
      this.#asked = new Set();
      this.#tokens = new Map();
    }
    for (const at of visible) {
      const hunk = hunks[at];
      if (!hunk || hunk.lines.length > MOST_LINES || this.#asked.has(hunk.id)) continue;
      this.#asked.add(hunk.id);
      const now = hunk.lines.filter((line) => line.kind !== 'deleted');
      const before = hunk.lines.filter((line) => line.kind !== 'added');
      void this.#ask(path, textsOf(now));
      if (before.some((line) => line.kind === 'deleted')) void this.#ask(path, textsOf(before));
    }
    const plain = same.filter((line) => !this.#tokens.has(line.text) && !this.#asked.has(`=${line.text}`));
    if (plain.length === 0) return;
    for (const line of plain) this.#asked.add(`=${line.text}`);
    void this.#ask(path, textsOf(plain));
  }

  /** Whole texts, each in its own context; for what is not a diff. */
  whole(texts: readonly string[]): void {
    this.#askedFor = this.#path();
    for (const text of texts) void this.#ask(this.#askedFor, text.split('\n'));
  }

  async #ask(path: string, lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    const tokens = await highlight(path, lines);
    if (path !== this.#askedFor || tokens.length === 0) return;
    tokens.forEach((some, at) => {
      const text = lines[at];
      if (text !== undefined && some.length > 0) this.#tokens.set(text, some);
    });
    this.#version += 1;
  }
}

function textsOf(lines: readonly DiffLine[]): string[] {
  return lines.map((line) => line.text);
}
