import { expect, test } from "vitest";
import { exampleRequests, exampleSpot } from "@/pages/simulate/example";

test("the made-up zone has spot most of the time, the same each time", () => {
  const { example } = JSON.parse(exampleSpot()).zones;
  expect(example.avail).toHaveLength((14 * 86_400) / example.gap_seconds);
  const there = [...example.avail].filter((mark) => mark === "1").length / example.avail.length;
  expect(there).toBeGreaterThan(0.5);
  expect(there).toBeLessThan(1);
  expect(exampleSpot()).toBe(exampleSpot());
});

test("the made-up day is a row a minute, in order, with its rushes", () => {
  const [head, ...rows] = exampleRequests().trim().split("\n");
  const table = rows.map((row) => row.split(",").map(Number));
  expect(head).toBe("t_seconds,requests");
  expect(table.map(([at]) => at)).toEqual(Array.from({ length: 1440 }, (_, minute) => minute * 60));
  const at = (minute: number) => table[minute]?.[1] ?? 0;
  expect(at(605)).toBeGreaterThan(1.4 * at(595));
});
