/** Times and durations as people read them. Ages are worked out from `now`, which is an argument. */
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** A duration in the two units that matter: `850 ms`, `3.2 s`, `4 m 05 s`, `2 h 10 m`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < MINUTE) return `${Math.round(s)} s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)} m ${two(Math.floor(s % MINUTE))} s`;
  if (s < DAY) return `${Math.floor(s / HOUR)} h ${two(Math.floor((s % HOUR) / MINUTE))} m`;
  return `${Math.floor(s / DAY)} d ${Math.floor((s % DAY) / HOUR)} h`;
}

/** An age in one unit, whole: it ticks in a table without jumping about. */
export function age(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < MINUTE) return `${s} s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)} m`;
  if (s < 2 * DAY) return `${Math.floor(s / HOUR)} h`;
  return `${Math.floor(s / DAY)} d`;
}

export const secondsBetween = (from: string, to: string | number): number =>
  ((typeof to === "number" ? to : Date.parse(to)) - Date.parse(from)) / 1000;

/** The time of day here: `21:51:28`. */
export function clock(at: string): string {
  const time = new Date(at);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
}

/** The day and time here: `2026-11-28 21:51:28`. */
export function moment(at: string): string {
  const day = new Date(at);
  return `${[day.getFullYear(), day.getMonth() + 1, day.getDate()].map(two).join("-")} ${clock(at)}`;
}

const two = (n: number): string => String(n).padStart(2, "0");
