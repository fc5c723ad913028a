import { expect, test } from "vitest";
import { everyDay } from "@/chart/days";

const bar = (name: string) => ({ name, value: 1, beside: 2 });
const names = (rows: ReadonlyArray<{ readonly name: string }>) => rows.map((row) => row.name.slice(5));

test("days without a row are there and cost nothing", () => {
  const days = everyDay([bar("2026-02-27"), bar("2026-03-01")], 2, 30);
  expect(days).toEqual([bar("2026-02-27"), { name: "2026-02-28", value: 0, beside: 0 }, bar("2026-03-01")]);
});

test("a few days before the first, and never too many", () => {
  expect(names(everyDay([bar("2026-03-02")], 3, 30))).toEqual(["02-28", "03-01", "03-02"]);
  expect(names(everyDay([bar("2025-01-01"), bar("2026-03-02")], 3, 4))).toEqual(["02-27", "02-28", "03-01", "03-02"]);
  expect(everyDay([], 3, 4)).toEqual([]);
});
