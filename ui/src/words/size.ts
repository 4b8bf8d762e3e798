/** Sizes as people read them: 412 B, 96 KB, 5.8 MB, 1.1 GB. Powers of 1024, as the limits are counted. */
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

export function size(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return '–';
  let value = bytes;
  let unit = 0;
  // 999.5 would be written as 1000.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit < 2 || value >= 9.95 ? 0 : 1;
  return `${trim(value.toFixed(digits))} ${UNITS[unit]}`;
}

/** Bytes per second: 220 KB/s. */
export function rate(bytes: number): string {
  return `${size(bytes)}/s`;
}

/** Cores from thousandths: 4, 1.5. */
export function cores(millis: number): string {
  return trim((millis / 1000).toFixed(1));
}

function trim(text: string): string {
  return text.replace(/\.0$/, '');
}
