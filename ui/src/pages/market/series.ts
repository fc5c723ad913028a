/** Price changes of several zones on one axis of time: a price holds until the next change. Pure. */
import type { PricePoint } from "@/api/schema";

export interface Aligned {
  readonly at: number[];
  readonly zones: ReadonlyArray<{ readonly zone: string; readonly values: Array<number | null> }>;
}

export function aligned(points: readonly PricePoint[], now: number): Aligned {
  const times = new Set([...points.map((point) => Date.parse(point.at)), now]);
  const at = [...times].sort((one, other) => one - other);
  const names = [...new Set(points.map((point) => point.zone))].sort();
  const zones = names.map((zone) => {
    const own = points.filter((point) => point.zone === zone);
    const changes = new Map(own.map((point) => [Date.parse(point.at), point.usd_per_hour]));
    let held: number | null = null;
    const values = at.map((time) => {
      held = changes.get(time) ?? held;
      return held;
    });
    return { zone, values };
  });
  return { at, zones };
}
