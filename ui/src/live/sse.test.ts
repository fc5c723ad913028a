import { expect, test } from "vitest";
import { SseParser } from "@/live/sse";

const STREAM =
  'retry: 1000\n\nid: 7\nevent: job.started\ndata: {"seq":7}\n\n: alive\n\nid: 8\nevent: log\ndata: {"seq":8}\n\n';

test("events are the same however the bytes are cut", () => {
  for (let cut = 0; cut <= STREAM.length; cut += 1) {
    const parser = new SseParser();
    const events = [...parser.feed(STREAM.slice(0, cut)), ...parser.feed(STREAM.slice(cut))];
    expect(events).toEqual([
      { id: "7", name: "job.started", data: '{"seq":7}' },
      { id: "8", name: "log", data: '{"seq":8}' },
    ]);
  }
});

test("several data lines are one text, and a cut end waits", () => {
  const parser = new SseParser();
  expect(parser.feed("data: one\ndata: two\n\ndata: thr")).toEqual([{ id: "", name: "message", data: "one\ntwo" }]);
  expect(parser.feed("ee\n\n")).toEqual([{ id: "", name: "message", data: "three" }]);
});
