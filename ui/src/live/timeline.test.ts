import { QueryClient } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";
import type { EventRow } from "@/api/schema";
import { appendEvents, loadOlder, type Timeline, timelineQuery } from "@/live/timeline";

const event = (seq: number): EventRow => ({
  seq,
  kind: "job.progress",
  subject: "train",
  at: "",
  data: {},
  reason: "",
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, place) => event(from + place));

function knowing(timeline: Timeline): QueryClient {
  const client = new QueryClient();
  client.setQueryData(timelineQuery.queryKey, timeline);
  return client;
}

afterEach(() => vi.unstubAllGlobals());

test("new events come at the end, once", () => {
  const client = knowing({ rows: range(1, 2), whole: true });
  appendEvents(client, range(2, 3));
  expect(client.getQueryData(timelineQuery.queryKey)?.rows.map((row) => row.seq)).toEqual([1, 2, 3]);
});

test("older events are read page by page, until there are none", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (address: string) => {
    asked.push(address);
    const after = Number(new URL(address, "http://master").searchParams.get("after"));
    return Response.json(range(after + 1, after + 10_000));
  });
  const client = knowing({ rows: range(15_001, 15_002), whole: false });
  await loadOlder(client);
  expect(client.getQueryData(timelineQuery.queryKey)).toMatchObject({ whole: false });
  await loadOlder(client);
  const known = client.getQueryData(timelineQuery.queryKey);
  expect(asked.map((address) => new URL(address, "http://master").searchParams.get("after"))).toEqual(["5000", "0"]);
  expect(known?.rows.map((row) => row.seq)).toEqual(range(1, 15_002).map((row) => row.seq));
  expect(known?.whole).toBe(true);
});
