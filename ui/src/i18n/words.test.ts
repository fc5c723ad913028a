import { expect, test } from "vitest";
import en from "@/i18n/en";
import ko from "@/i18n/ko";

function flat(tree: object, path = ""): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tree).flatMap(([key, value]) =>
      typeof value === "string" ? [[path + key, value]] : Object.entries(flat(value as object, `${path}${key}.`)),
    ),
  );
}

const english = flat(en);
const korean = flat(ko);
const holes = (text: string) => [...text.matchAll(/\{\{\w+\}\}/g)].map((match) => match[0]).sort();

test("both languages say the same things", () => {
  expect(Object.keys(korean).sort()).toEqual(Object.keys(english).sort());
});

test("both fill in the same values", () => {
  for (const [key, text] of Object.entries(english)) {
    expect(new Set(holes(korean[key] ?? "")), key).toEqual(new Set(holes(text)));
  }
});

test("nothing is empty", () => {
  for (const text of [...Object.values(english), ...Object.values(korean)]) expect(text.trim()).not.toBe("");
});
