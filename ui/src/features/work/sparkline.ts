/** A curve as points of a 100 by 28 picture, the newest at the right. */
const WIDTH = 100;
const HEIGHT = 28;
/** The limit is drawn here; the curve reaches it at `top`. */
export const LIMIT_AT = 2.5;
const FLOOR = HEIGHT - 1.5;

export function points(values: readonly number[], top: number, kept = 60): string {
  const step = WIDTH / (kept - 1);
  const from = WIDTH - (values.length - 1) * step;
  return values
    .map((value, at) => {
      const share = top > 0 ? Math.min(1, Math.max(0, value / top)) : 0;
      return `${(from + at * step).toFixed(1)},${(FLOOR - share * (FLOOR - LIMIT_AT)).toFixed(1)}`;
    })
    .join(' ');
}

/** The same closed to the floor, for the fill. */
export function area(line: string): string {
  if (!line) return '';
  const first = line.slice(0, line.indexOf(','));
  const last = line.slice(line.lastIndexOf(' ') + 1).split(',')[0];
  return `${first},${HEIGHT} ${line} ${last},${HEIGHT}`;
}
