import { expect, test } from "vitest";
import { added } from "@/live/useLogLines";

const row = (seq: number, text: string) => ({ seq, text, attempt: "train.1", at: "" });

test("a row of several lines is several lines, and a row that comes twice is read once", () => {
  const first = added({ lines: [], last: 0 }, [row(1, "one\ntwo\n"), row(2, "three")]);
  const second = added(first, [row(2, "three"), row(3, "\n")]);
  expect(second.lines.map((line) => line.text)).toEqual(["one", "two", "three", ""]);
  expect(second.last).toBe(3);
});
