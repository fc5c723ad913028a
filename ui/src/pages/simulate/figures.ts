/** What a form's figures mean: an amount that the API takes, or null. Pure. */
import type { TimeSpan } from "@/api/schema";

/** Return the number times the unit; null where it is none above zero. A comma is a point, as people write it. */
export function amount(text: string, unit = 1): number | null {
  const value = Number(text.trim().replace(",", "."));
  return text.trim() !== "" && Number.isFinite(value) && value > 0 ? value * unit : null;
}

/** Return how many seconds each kind of span takes. */
export function totals(spans: readonly TimeSpan[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const span of spans) found[span.what] = (found[span.what] ?? 0) + span.until_s - span.since_s;
  return found;
}
