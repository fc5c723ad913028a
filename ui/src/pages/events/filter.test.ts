import { expect, test } from "vitest";
import type { EventKind, EventRow } from "@/api/schema";
import { filtered } from "@/pages/events/filter";

const now = Date.parse("2026-03-01T12:00:00Z");
const event = (kind: EventKind, minutesAgo: number, more: Partial<EventRow> = {}): EventRow => ({
  seq: 1,
  kind,
  subject: "train",
  at: new Date(now - minutesAgo * 60_000).toISOString(),
  data: {},
  reason: "",
  ...more,
});
const rows = [
  event("deployment.log", 90, { data: { line: "Apply complete!" } }),
  event("job.progress", 30),
  event("instance.noticed", 2, { subject: "i-1", reason: "the provider says so" }),
];
const kinds = (wanted: Partial<Parameters<typeof filtered>[1]>) =>
  filtered(rows, { group: "all", since: "ever", text: "", now, ...wanted }).map((row) => row.kind);

test("by group, time and text", () => {
  expect(kinds({})).toHaveLength(3);
  expect(kinds({ group: "usual" })).toEqual(["deployment.log", "instance.noticed"]);
  expect(kinds({ group: "terraform" })).toEqual(["deployment.log"]);
  expect(kinds({ since: "hour" })).toEqual(["job.progress", "instance.noticed"]);
  expect(kinds({ text: "APPLY" })).toEqual(["deployment.log"]);
  expect(kinds({ text: "provider says" })).toEqual(["instance.noticed"]);
  expect(kinds({ text: "i-1", group: "job" })).toEqual([]);
});
