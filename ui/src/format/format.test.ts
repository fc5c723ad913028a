import { expect, test } from "vitest";
import { bytes } from "@/format/bytes";
import { price, saving, usd } from "@/format/money";
import { number, percent } from "@/format/number";
import { age, clock, duration, moment } from "@/format/time";

test("money keeps the digits that matter", () => {
  expect([0, 0.000034, 0.00658, 0.013, 12.345].map((amount) => usd(amount))).toEqual([
    "$0.00",
    "$0.000034",
    "$0.00658",
    "$0.013",
    "$12.35",
  ]);
  expect(price(0.0114)).toBe("$0.0114");
  expect(saving(0.25, 1)).toBe(0.75);
  expect(saving(0.25, null)).toBeNull();
  expect(saving(0.25, 0)).toBeNull();
});

test("numbers have groups, and no more digits than they need", () => {
  expect([0, 999, 1_234, -1_234_567.25, 0.12345, 2 / 3, -0.0001].map((value) => number(value))).toEqual([
    "0",
    "999",
    "1,234",
    "-1,234,567.25",
    "0.123",
    "0.667",
    "0",
  ]);
  expect(number(1.5, 4, 4)).toBe("1.5000");
  expect([percent(0.534), percent(0.00125, 2)]).toEqual(["53%", "0.13%"]);
  expect([usd(-1_500), price(-0.01), usd(-0)]).toEqual(["-$1,500.00", "-$0.0100", "$0.00"]);
});

test("times are those of a clock here", () => {
  const at = new Date(2026, 2, 4, 5, 6, 7).toISOString();
  expect([clock(at), moment(at)]).toEqual(["05:06:07", "2026-03-04 05:06:07"]);
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
