import { expect, test } from "vitest";
import { TOPICS, toggled } from "@/pages/notifications/topic";

test("no choice means every topic, and the last one taken in makes it so again", () => {
  const without = toggled([], "money");
  expect(without).toEqual(TOPICS.filter((topic) => topic !== "money"));
  expect(toggled(without, "money")).toEqual([]);
});

test("topics keep their order", () => {
  expect(toggled(["price"], "work")).toEqual(["work", "price"]);
  expect(toggled(["work", "price"], "work")).toEqual(["price"]);
});
