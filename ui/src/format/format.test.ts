import { expect, test } from "vitest";
import { bytes } from "@/format/bytes";
import { price, saving, usd } from "@/format/money";
import { age, duration } from "@/format/time";

test("money keeps the digits that matter", () => {
  expect([0, 0.000034, 0.00658, 0.013, 12.345].map((amount) => usd(amount, "en"))).toEqual([
    "$0.00",
    "$0.000034",
    "$0.00658",
    "$0.013",
    "$12.35",
  ]);
  expect(price(0.0114, "en")).toBe("$0.0114");
  expect(saving(0.25, 1)).toBe(0.75);
  expect(saving(0.25, null)).toBeNull();
  expect(saving(0.25, 0)).toBeNull();
});

test("durations and ages", () => {
  expect([0.02, 3.24, 42, 245, 7800, 273_600].map(duration)).toEqual([
    "20 ms",
    "3.2 s",
    "42 s",
    "4 m 05 s",
    "2 h 10 m",
    "3 d 4 h",
  ]);
  expect([-5, 59.9, 3599, 90_000, 180_000].map(age)).toEqual(["0 s", "59 s", "59 m", "25 h", "2 d"]);
});

test("sizes", () => {
  expect([0, 1023, 1536, 119_826, 5 * 1024 ** 3].map(bytes)).toEqual([
    "0 B",
    "1023 B",
    "1.5 KiB",
    "117 KiB",
    "5.0 GiB",
  ]);
});
