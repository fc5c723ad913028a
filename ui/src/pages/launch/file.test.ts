import { expect, test } from "vitest";
import { FIRST_JOB, FIRST_SERVICE, hoursOf, valueAt, withValue } from "@/pages/launch/file";

test("the form reads what the file says", () => {
  expect(valueAt(FIRST_JOB, ["name"])).toBe("hello");
  expect(valueAt(FIRST_JOB, ["resources", "cpus"])).toBe("1+");
  expect(valueAt(FIRST_JOB, ["deadline"])).toBe("");
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

test("a deep place is read, written, and taken out", () => {
  const place = ["service", "replica_policy", "min_replicas"] as const;
  expect(valueAt(FIRST_SERVICE, place)).toBe("1");
  expect(valueAt(withValue(FIRST_SERVICE, place, "3"), place)).toBe("3");
  expect(withValue("name: web\n", ["service", "port"], "80")).toBe("name: web\nservice:\n  port: 80\n");
});

test("a time is told in hours", () => {
  expect(["6h", "1d 2h", "90m", "", "soon", "6h soon"].map(hoursOf)).toEqual([6, 26, 1.5, null, null, null]);
});
