/** Days without a row cost nothing: they are told as such, so that a chart's distances are time. Pure. */
import type { Bar } from "@/chart/Bars";

const DAY_MS = 86_400_000;

/** Return the last `count` days at least up to the last row's, oldest first. Names are UTC dates. */
export function everyDay(rows: readonly Bar[], least: number, most: number): Bar[] {
  const last = rows.at(-1);
  const first = rows[0];
  if (!last || !first) return [];
  const known = new Map(rows.map((row) => [row.name, row]));
  const span = Math.round((Date.parse(last.name) - Date.parse(first.name)) / DAY_MS) + 1;
  const count = Math.min(most, Math.max(least, span));
  return Array.from({ length: count }, (_, place) => {
    const name = new Date(Date.parse(last.name) - (count - 1 - place) * DAY_MS).toISOString().slice(0, 10);
    return known.get(name) ?? { name, value: 0, beside: 0 };
  });
}
