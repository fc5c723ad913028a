import { expect, test } from "vitest";
import { amount, totals } from "@/pages/simulate/figures";

test("a figure is above zero, or none", () => {
  expect(["8", " 0,5 ", "0", "-1", "", "many"].map((text) => amount(text, 60))).toEqual([
    480,
    30,
    null,
    null,
    null,
    null,
  ]);
});

test("spans are summed by kind", () => {
  const span = (since_s: number, until_s: number, what: string) => ({ since_s, until_s, what });
  expect(totals([span(0, 60, "spot"), span(60, 90, "wait"), span(90, 100, "spot")])).toEqual({ spot: 70, wait: 30 });
});
