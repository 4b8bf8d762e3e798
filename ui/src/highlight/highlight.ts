/**
 * Asks the worker for the colours of some lines. Code without colours is readable, so nothing here ever waits:
 * what is too long, unknown or failed comes back plain.
 */
import { languageOf } from './languages';
import { ROLES, type HighlightAnswer, type Token } from './roles';

export type { Token } from './roles';

/** More than this at once is shown plain. */
const MOST_CHARACTERS = 400_000;
/** What waits longest is given up when more than this many requests wait: the user has scrolled on. */
const MOST_WAITING = 40;

type Waiting = { language: string; text: string; done: (lines: Token[][]) => void };

let worker: Worker | null | undefined;
let busy: { id: number; done: (lines: Token[][]) => void } | null = null;
let number = 0;
const waiting: Waiting[] = [];

function start(): Worker | null {
  if (worker !== undefined) return worker;
  if (typeof Worker === 'undefined') return (worker = null);
  worker = new Worker(new URL('./highlight.worker.ts', import.meta.url), { type: 'module' });
  worker.addEventListener('message', (event: MessageEvent<HighlightAnswer>) => {
    if (busy?.id === event.data.id) finish(event.data.lines);
  });
  worker.addEventListener('error', () => {
    worker?.terminate();
    worker = null;
    finish([]);
    for (const one of waiting.splice(0)) one.done([]);
  });
  return worker;
}

function finish(lines: number[][]): void {
  const done = busy?.done;
  busy = null;
  done?.(lines.map(unflatten));
  next();
}

function unflatten(flat: number[]): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at + 2 < flat.length; at += 3) {
    tokens.push({ from: flat[at] ?? 0, to: flat[at + 1] ?? 0, role: ROLES[flat[at + 2] ?? 0] ?? '' });
  }
  return tokens;
}

/** The newest request first: it is what is on the screen. */
function next(): void {
  if (busy) return;
  const one = waiting.pop();
  if (!one) return;
  number += 1;
  busy = { id: number, done: one.done };
  worker?.postMessage({ id: number, language: one.language, text: one.text });
}

/** Tokens for each line; an empty answer where there are no colours to give. */
export function highlight(path: string, lines: readonly string[]): Promise<Token[][]> {
  const language = languageOf(path);
  const size = lines.reduce((sum, line) => sum + line.length + 1, 0);
  if (!language || size > MOST_CHARACTERS || !start()) return Promise.resolve([]);
  return new Promise((done) => {
    waiting.push({ language, text: lines.join('\n'), done });
    if (waiting.length > MOST_WAITING) waiting.shift()?.done([]);
    next();
  });
}
