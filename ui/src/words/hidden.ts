/**
 * Hostile names made visible: control characters as their pictures, what turns or hides text by name.
 * The result is for `textContent` only.
 */
export interface Piece {
  text: string;
  /** Drawn as a mark: not part of what one would read as the name. */
  hidden: boolean;
}

const NAMES: Record<number, string> = {
  0x00ad: 'SHY',
  0x061c: 'ALM',
  0x115f: 'HCF',
  0x1160: 'HJF',
  0x180e: 'MVS',
  0x200b: 'ZWSP',
  0x200c: 'ZWNJ',
  0x200d: 'ZWJ',
  0x200e: 'LRM',
  0x200f: 'RLM',
  0x202a: 'LRE',
  0x202b: 'RLE',
  0x202c: 'PDF',
  0x202d: 'LRO',
  0x202e: 'RLO',
  0x2060: 'WJ',
  0x2066: 'LRI',
  0x2067: 'RLI',
  0x2068: 'FSI',
  0x2069: 'PDI',
  0x3164: 'HF',
  0xfeff: 'BOM',
  0xffa0: 'HHF',
};

const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;
const HIDDEN_ALL = new RegExp(HIDDEN.source, 'gu');

export function hasHidden(text: string, code = false): boolean {
  return HIDDEN.test(code ? text.replaceAll('\t', '') : text);
}

/** In code a tab is a tab. */
export function pieces(text: string, code = false): Piece[] {
  if (!hasHidden(text, code)) return [{ text, hidden: false }];
  const result: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(HIDDEN_ALL)) {
    if (code && match[0] === '\t') continue;
    if (match.index > at) result.push({ text: text.slice(at, match.index), hidden: false });
    result.push({ text: visible(match[0]), hidden: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) result.push({ text: text.slice(at), hidden: false });
  return result;
}

/** The same as one string, for names that screen readers and tooltips say. */
export function shown(text: string): string {
  return pieces(text)
    .map((piece) => piece.text)
    .join('');
}

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  const name = NAMES[code];
  return `[${name ?? `U+${code.toString(16).toUpperCase().padStart(4, '0')}`}]`;
}
