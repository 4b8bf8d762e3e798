/** Times as people say them. `now` is passed in by tests. */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** just now, 3 min ago, 2 h ago, yesterday, 4 days ago, 12 Mar. */
export function ago(time: number, now: number = Date.now()): string {
  const past = now - time;
  if (past < 45_000) return 'just now';
  if (past < HOUR) return `${Math.max(1, Math.round(past / MINUTE))} min ago`;
  if (past < DAY) return `${Math.round(past / HOUR)} h ago`;
  if (past < 2 * DAY) return 'yesterday';
  if (past < 7 * DAY) return `${Math.floor(past / DAY)} days ago`;
  return date(time, now);
}

/** 14:46 */
export function clock(time: number): string {
  const at = new Date(time);
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** 12 March, with the year where it is another one. */
export function date(time: number, now: number = Date.now()): string {
  const at = new Date(time);
  const year = at.getFullYear() === new Date(now).getFullYear() ? undefined : 'numeric';
  return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year });
}

/** Today, Yesterday, or the date: the head of a day in a list. */
export function day(time: number, now: number = Date.now()): string {
  const days = Math.round((midnight(now) - midnight(time)) / DAY);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return date(time, now);
}

/** today at 14:45, yesterday at 09:02, 12 March at 09:02. */
export function dayAndClock(time: number, now: number = Date.now()): string {
  const name = day(time, now);
  const spoken = name === 'Today' || name === 'Yesterday' ? name.toLowerCase() : name;
  return `${spoken} at ${clock(time)}`;
}

/** about 2 min left, a few seconds left. */
export function left(seconds: number): string {
  if (seconds < 10) return 'a few seconds left';
  if (seconds < 60) return `about ${Math.ceil(seconds / 10) * 10} s left`;
  if (seconds < 3600) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${Math.round(seconds / 360) / 10} h left`;
}

function midnight(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
