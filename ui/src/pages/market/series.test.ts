import { expect, test } from "vitest";
import { aligned } from "@/pages/market/series";

const point = (second: number, zone: string, usd_per_hour: number) => ({
  at: new Date(second * 1000).toISOString(),
  zone,
  usd_per_hour,
});

test("a price holds until its zone's next change, and nothing is known before the first", () => {
  const { at, zones } = aligned([point(1, "a", 0.1), point(2, "b", 0.2), point(3, "a", 0.15)], 5000);
  expect(at).toEqual([1000, 2000, 3000, 5000]);
  expect(zones).toEqual([
    { zone: "a", values: [0.1, 0.1, 0.15, 0.15] },
    { zone: "b", values: [null, 0.2, 0.2, 0.2] },
  ]);
});
