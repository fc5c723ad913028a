import { expect, test } from "vitest";
import type { AttemptRow, EventKind, EventRow } from "@/api/schema";
import { lanes } from "@/pages/jobs/span";

const iso = (second: number) => new Date(second * 1000).toISOString();
const attempt: AttemptRow = {
  id: "train.2",
  number: 2,
  instance: "i-new",
  state: "running",
  epoch: 2,
  created_at: iso(10),
  started_at: iso(16),
  ended_at: null,
  exit_code: null,
  reason: "",
};
const event = (second: number, kind: EventKind, data: Record<string, unknown> = {}): EventRow => ({
  seq: second,
  at: iso(second),
  kind,
  subject: "train",
  data: { attempt: "train.2", ...data },
  reason: "",
});

const phases = (events: EventRow[], of: AttemptRow = attempt) =>
  lanes([of], events, 30_000)[0]?.spans.map((span) => [span.phase, span.from / 1000, span.to / 1000]);

test("an attempt goes through its phases, up to now", () => {
  const events = [event(12, "restore.started"), event(14, "restore.completed"), event(15, "attempt.prepared")];
  expect(phases(events)).toEqual([
    ["preparing", 10, 12],
    ["restoring", 12, 14],
    ["preparing", 14, 15],
    ["waiting", 15, 16],
    ["running", 16, 30],
  ]);
});

test("a flush is as long as it took, and ends with the attempt", () => {
  const ended = { ...attempt, ended_at: iso(25) };
  expect(phases([event(25, "snapshot.flushed", { took_s: 2 })], ended)).toEqual([
    ["preparing", 10, 16],
    ["running", 16, 23],
    ["flushing", 23, 25],
  ]);
});

test("events of another attempt are not its own", () => {
  expect(phases([event(12, "restore.started", { attempt: "train.1" })])).toEqual([
    ["preparing", 10, 16],
    ["running", 16, 30],
  ]);
});
