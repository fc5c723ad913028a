import { expect, test } from "vitest";
import type { EventKind, EventRow } from "@/api/schema";
import { recoveries } from "@/tone/recovery";

let seq = 0;
const at = (second: number, kind: EventKind, subject: string, data: Record<string, unknown> = {}): EventRow => ({
  seq: ++seq,
  at: new Date(second * 1000).toISOString(),
  kind,
  subject,
  data,
  reason: "",
});

test("a noticed instance is followed to where its work goes on", () => {
  const [one, ...others] = recoveries([
    at(10, "instance.noticed", "i-old", { workload: "train" }),
    at(10, "replacement.requested", "train", { instance: "i-new", replaces: "i-old" }),
    at(12, "instance.ready", "i-new"),
    at(12, "instance.ready", "i-other"),
    at(13, "restore.completed", "train", { instance: "i-new" }),
    at(13, "snapshot.flushed", "train", { instance: "i-old" }),
    at(14, "job.resumed", "train", { instance: "i-new" }),
    at(30, "instance.lost", "i-old", { workload: "train" }),
  ]);
  expect(others).toEqual([]);
  expect(one).toMatchObject({ instance: "i-old", replacement: "i-new", tookS: 4 });
  expect(Object.keys(one?.at ?? {})).toEqual(["noticed", "replacement", "ready", "restored", "flushed", "resumed"]);
});

test("what no event says is not shown as done", () => {
  const [one] = recoveries([
    at(10, "instance.lost", "i-old", { workload: "train" }),
    at(11, "job.resumed", "another", { instance: "i-of-another" }),
  ]);
  expect(one).toMatchObject({ replacement: null, tookS: null });
  expect(Object.keys(one?.at ?? {})).toEqual(["noticed"]);
});

test("a replacement that was given up for a better one is not waited for", () => {
  const [one] = recoveries([
    at(10, "instance.noticed", "i-old", { workload: "train" }),
    at(10, "replacement.requested", "train", { instance: "i-first", replaces: "i-old" }),
    at(12, "instance.ready", "i-first"),
    at(15, "restore.completed", "train", { instance: "i-better" }),
    at(16, "job.resumed", "train", { instance: "i-better" }),
  ]);
  expect(one).toMatchObject({ replacement: "i-better", tookS: 6 });
  expect(one?.at.restored?.data.instance).toBe("i-better");
});

test("a bare instance has no work to recover", () => {
  expect(recoveries([at(1, "instance.noticed", "i-bare", { workload: null })])).toEqual([]);
});

test("a service goes on when a replica is ready on another instance", () => {
  const [one] = recoveries([
    at(10, "instance.noticed", "i-old", { workload: "web" }),
    at(10, "replica.ready", "web", { instance: "i-old" }),
    at(12, "replica.ready", "shop", { instance: "i-new" }),
    at(13, "replica.ready", "web", { instance: "i-new" }),
  ]);
  expect(one).toMatchObject({ workload: "web", tookS: 3 });
});

test("a service that needs the instance no more recovers nothing", () => {
  const [tooMany, givenBack] = recoveries([
    at(9, "replica.ready", "web", { replica: "web.r1", instance: "i-1" }),
    at(9, "replica.ready", "web", { replica: "web.r2", instance: "i-2" }),
    at(10, "replica.draining", "web", { replica: "web.r1", instance: "i-1" }),
    at(11, "instance.lost", "i-1", { workload: "web" }),
    at(12, "instance.noticed", "i-2", { workload: "web" }),
    at(13, "service.scaled", "web", { replicas: 1, was_replicas: 2 }),
  ]);
  expect([givenBack?.ended, tooMany?.ended]).toEqual([true, true]);
  expect([givenBack?.tookS, tooMany?.tookS]).toEqual([null, null]);
});
