import { expect, test } from "vitest";
import { FIRST_FILE, lineOf, placeOf, valueAt, withValue } from "@/pages/launch/file";

test("the form reads what the file says", () => {
  expect(valueAt(FIRST_FILE, ["name"])).toBe("hello");
  expect(valueAt(FIRST_FILE, ["resources", "cpus"])).toBe("1+");
  expect(valueAt(FIRST_FILE, ["deadline"])).toBe("");
  expect(valueAt("name: [", ["name"])).toBe("");
});

test("a change keeps the rest, comments too", () => {
  const text = "# mine\nname: a # the name\nrun: ls\n";
  expect(withValue(text, ["resources", "memory"], "4+")).toBe(
    "# mine\nname: a # the name\nrun: ls\nresources:\n  memory: 4+\n",
  );
  expect(withValue(text, ["name"], "b")).toContain("# mine\nname: b # the name\n");
});

test("what is emptied is taken out, and a broken file is left alone", () => {
  expect(withValue("name: a\nbudget: 3 USD\n", ["budget"], "")).toBe("name: a\n");
  expect(withValue("name: a\n", ["budget"], "")).toBe("name: a\n");
  expect(withValue("name: [", ["name"], "b")).toBe("name: [");
});

test("where an error is", () => {
  expect(lineOf("line 3, column 7: mapping values are not allowed here")).toBe(3);
  expect(lineOf("resources.cpus: 'many' is not an amount")).toBeNull();
  expect(placeOf("resources.cpus: 'many' is not an amount")).toBe("resources.cpus");
});
