/** Counts with their noun. */

/** 1 file, 2 files, 6,470 files. */
export function count(value: number, one: string, many: string = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** 6,470 */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}
