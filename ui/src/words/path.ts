/** Paths as people see them. */

/** ~/Sites/rye-and-salt */
export function withHome(path: string, home: string): string {
  if (!home) return path;
  if (path === home) return '~';
  const separator = home.includes('\\') ? '\\' : '/';
  const prefix = home.endsWith(separator) ? home : home + separator;
  return path.startsWith(prefix) ? `~${separator}${path.slice(prefix.length)}` : path;
}

/** Cut in the middle, so that beginning and end both stay readable. */
export function shortened(path: string, most = 48): string {
  const letters = [...path];
  if (letters.length <= most) return path;
  const tail = Math.ceil((most - 1) * 0.6);
  const head = most - 1 - tail;
  return `${letters.slice(0, head).join('')}…${letters.slice(-tail).join('')}`;
}

export function lastPart(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1) || path;
}

/** The folder a path lies in, with its slash; empty at the top. */
export function folderPart(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** The sandbox's letters in the folded list: rye-and-salt → RA, invoice-tools → IT, and R2 for a second one of it. */
export function initials(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const last = words.at(-1) ?? '';
  if (words.length > 1 && /^\d$/.test(last)) return `${[...(words[0] ?? '')][0] ?? ''}${last}`.toUpperCase();
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => [...word][0]) : [...(words[0] ?? '?')].slice(0, 2);
  return letters.join('').toUpperCase();
}

/** A path as a key: exact bytes where they are not UTF-8, else the text. */
export function pathKey(path: { text: string; raw?: string }): string {
  return path.raw === undefined ? path.text : `\0${path.raw}`;
}
