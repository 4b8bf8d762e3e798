/** Counts with their noun. */

/** 1 file, 2 files, 6,470 files. */
export function count(value: number, one: string, many: string = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** For narrow places: 999, 5k, 12k, 1.2M. The exact number belongs beside it, in a name or a note. */
export function short(value: number): string {
  if (value < 1000) return String(value);
  if (value < 999_500) return `${Math.round(value / 1000)}k`;
  return `${(value / 1_000_000).toFixed(1).replace(/\.0$/, '')}M`;
}

/** 6,470 */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** `a`, `a and b`, `a, b and c`. */
export function list(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}
