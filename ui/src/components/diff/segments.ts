/** A line of code as pieces to draw: syntax colours, changed words and hidden characters over one another. */
import type { Role, Token } from '../../highlight/roles';
import { shown } from '../../words/hidden';

export type Segment = {
  text: string;
  role: Role;
  changed: boolean;
  /** A character that would not be seen; `text` is its name then. */
  hidden: boolean;
  /** A space or tab drawn visible. */
  space: boolean;
};

/** Characters that are not seen or that turn the order of others: controls but the tab, bidirectional marks, tags, joiners. */
const hiddenCharacters =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|\u{e0001}|[\u{e0020}-\u{e007f}]/u;

function edges(text: string, words: readonly [number, number][], tokens: readonly Token[]): number[] {
  const cuts = new Set<number>([0, text.length]);
  for (const [from, to] of words) cuts.add(from).add(to);
  for (const token of tokens) cuts.add(token.from).add(token.to);
  return [...cuts].filter((cut) => cut >= 0 && cut <= text.length).sort((a, b) => a - b);
}

function spread(text: string, base: Omit<Segment, 'text' | 'hidden' | 'space'>, spaces: boolean, out: Segment[]): void {
  let plain = '';
  const flush = () => {
    if (plain) out.push({ text: plain, ...base, hidden: false, space: false });
    plain = '';
  };
  for (const character of text) {
    if (hiddenCharacters.test(character)) {
      flush();
      out.push({ text: shown(character), ...base, hidden: true, space: false });
    } else if (spaces && (character === ' ' || character === '\t')) {
      flush();
      out.push({ text: character === ' ' ? '·' : '→\t', ...base, hidden: false, space: true });
    } else plain += character;
  }
  flush();
}

/** The pieces of a line, in order. */
export function segments(
  text: string,
  words: readonly [number, number][],
  tokens: readonly Token[],
  showSpaces: boolean,
): Segment[] {
  const out: Segment[] = [];
  const cuts = edges(text, words, tokens);
  let token = 0;
  let word = 0;
  for (let at = 0; at + 1 < cuts.length; at += 1) {
    const from = cuts[at] ?? 0;
    const to = cuts[at + 1] ?? 0;
    while ((tokens[token]?.to ?? Infinity) <= from) token += 1;
    while ((words[word]?.[1] ?? Infinity) <= from) word += 1;
    const colour = tokens[token];
    const change = words[word];
    const base = {
      role: colour && colour.from <= from ? colour.role : ('' as const),
      changed: change !== undefined && change[0] <= from,
    };
    spread(text.slice(from, to), base, showSpaces, out);
  }
  return out;
}

/** How far wrapped parts of a line are set in: its own indent and two more. */
export function wrapIndent(text: string): number {
  const indent = /^[ \t]*/.exec(text)?.[0] ?? '';
  let width = 0;
  for (const character of indent) width += character === '\t' ? 4 - (width % 4) : 1;
  return Math.min(width, 24) + 2;
}
