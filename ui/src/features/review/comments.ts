/** Comments on lines: kept in the window, sent to the agent's terminal or copied as Markdown. */
import type { DiffHunk, WirePath } from '../../ipc';

export type Comment = {
  id: string;
  path: WirePath;
  hunk: string;
  /** Indices of lines in the hunk, both included. */
  from: number;
  to: number;
  /** `Lines 18 to 20`, `Line 8 (before)`. */
  place: string;
  /** Where it is for the agent: `js/hours.js:18-20`. */
  at: string;
  /** The lines as they were, with their signs. */
  quote: string[];
  text: string;
  sent: boolean;
};

const sign = { context: ' ', deleted: '-', added: '+' } as const;

/** Numbers of the chosen lines: on the new side, or on the old one where only deleted lines are chosen. */
export function placeOf(hunk: DiffHunk, from: number, to: number): { place: string; span: string } {
  const lines = hunk.lines.slice(from, to + 1);
  let numbers = lines.flatMap((line) => (line.new === null ? [] : [line.new]));
  const before = numbers.length === 0;
  if (before) numbers = lines.flatMap((line) => (line.old === null ? [] : [line.old]));
  const first = numbers[0] ?? 0;
  const last = numbers.at(-1) ?? first;
  const words = first === last ? `Line ${first}` : `Lines ${first} to ${last}`;
  return {
    place: before ? `${words} before the change` : words,
    span: first === last ? `${first}` : `${first}-${last}`,
  };
}

export function newComment(path: WirePath, hunk: DiffHunk, from: number, to: number, text: string): Comment {
  const { place, span } = placeOf(hunk, from, to);
  const quote = hunk.lines.slice(from, to + 1).map((line) => sign[line.kind] + line.text);
  return {
    id: crypto.randomUUID(),
    path,
    hunk: hunk.id,
    from,
    to,
    place,
    at: `${path.text}:${span}`,
    quote: quote.slice(0, 40),
    text: text.trim(),
    sent: false,
  };
}

/** A fence longer than any run of backticks inside, so that a line cannot end it. */
function fence(lines: readonly string[]): string {
  let longest = 2;
  for (const line of lines) for (const run of line.match(/`+/g) ?? []) longest = Math.max(longest, run.length);
  return '`'.repeat(longest + 1);
}

/** All comments as Markdown, in the order given. */
export function asMarkdown(comments: readonly Comment[]): string {
  return comments
    .map(({ at, quote, text }) => {
      const mark = fence(quote);
      return `**${at.replaceAll(/[*`\r\n]/g, ' ')}**\n\n${mark}diff\n${quote.join('\n')}\n${mark}\n\n${text}\n`;
    })
    .join('\n');
}

/** Nothing that ends the paste or speaks to the terminal: controls go, but the line end and the tab. */
function tame(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

/** The comments as one bracketed paste, not yet sent off by Return: the user reads it in the terminal first. */
export function asPaste(comments: readonly Comment[]): Uint8Array {
  const head = comments.length === 1 ? 'A comment on your change:' : `${comments.length} comments on your changes:`;
  const body = comments.map(({ at, quote, text }) => `${at}\n${quote.map((line) => `> ${line}`).join('\n')}\n${text}`);
  const text = tame([head, ...body].join('\n\n'));
  return new TextEncoder().encode(`\u001b[200~${text}\n\u001b[201~`);
}
