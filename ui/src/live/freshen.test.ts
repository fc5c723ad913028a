import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test, vi } from "vitest";
import { ProblemError } from "@/api/problem";
import type { EventKind, EventRow } from "@/api/schema";
import { freshen, joined } from "@/live/freshen";

const event = (seq: number, kind: EventKind, subject: string): EventRow => ({
  seq,
  kind,
  subject,
  at: "",
  data: {},
  reason: "",
});

test("an event makes stale what it changed and nothing else", async () => {
  const client = new QueryClient();
  client.setQueryData(["instances"], []);
  client.setQueryData(["budgets"], []);
  freshen(client, [event(1, "instance.ready", "i-1")]);
  await vi.waitFor(() => expect(client.getQueryState(["instances"])?.isInvalidated).toBe(true));
  expect(client.getQueryState(["budgets"])?.isInvalidated).toBe(false);
});

test("what is open about a subject gets its events, once", () => {
  const client = new QueryClient();
  client.setQueryData(["about", "i-1"], [event(1, "instance.requested", "i-1")]);
  const news = [
    event(1, "instance.requested", "i-1"),
    event(2, "instance.ready", "i-1"),
    event(3, "job.started", "train"),
  ];
  freshen(client, news);
  freshen(client, news);
  expect(client.getQueryData<EventRow[]>(["about", "i-1"])?.map((row) => row.seq)).toEqual([1, 2]);
  expect(client.getQueryData(["about", "train"])).toBeUndefined();
});

test("an answer on its way that is older than an event is not the last word", async () => {
  const client = new QueryClient();
  const answers = [
    [event(1, "instance.requested", "i-1")],
    [event(1, "instance.requested", "i-1"), event(2, "instance.ready", "i-1")],
  ];
  let asked = 0;
  let answer: (() => void) | undefined;
  const observer = new QueryObserver<EventRow[]>(client, {
    queryKey: ["about", "i-1"],
    queryFn: () => {
      const mine = answers[asked++] ?? [];
      return new Promise((resolve) => {
        answer = () => resolve(mine);
      });
    },
  });
  const end = observer.subscribe(() => undefined);
  const first = answer;
  freshen(client, [event(2, "instance.ready", "i-1")]);
  first?.();
  await vi.waitFor(() => expect(asked).toBe(2));
  answer?.();
  await vi.waitFor(() => expect(observer.getCurrentResult().data?.map((row) => row.seq)).toEqual([1, 2]));
  end();
});

test("events that come faster than answers do not cut every answer off", async () => {
  const client = new QueryClient();
  const answers: Array<() => void> = [];
  const observer = new QueryObserver<number>(client, {
    queryKey: ["workloads"],
    queryFn: () => {
      const mine = answers.length;
      return new Promise((resolve) => answers.push(() => resolve(mine)));
    },
  });
  const end = observer.subscribe(() => undefined);
  const news = [event(1, "job.started", "train")];
  for (let burst = 0; burst < 5; burst += 1) {
    freshen(client, news);
    await new Promise((resolve) => setTimeout(resolve));
  }
  expect(answers).toHaveLength(2); // the first, and the one after the first event
  answers[1]?.();
  await vi.waitFor(() => expect(answers).toHaveLength(3)); // once more, for what came meanwhile
  expect(observer.getCurrentResult().data).toBe(1);
  answers[2]?.();
  await vi.waitFor(() => expect(observer.getCurrentResult().data).toBe(2));
  end();
});

test("what was refused is not asked for again, but what did not answer is", async () => {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const asked: string[] = [];
  const open = (name: string, status: number) => {
    const problem = { type: "", title: name, status, detail: name, next_step: "" };
    const observer = new QueryObserver(client, {
      queryKey: ["workloads", name],
      queryFn: () => {
        asked.push(name);
        return Promise.reject(new ProblemError(problem));
      },
    });
    return observer.subscribe(() => undefined);
  };
  const ends = [open("gone", 404), open("silent", 0)];
  await vi.waitFor(() => expect(client.isFetching()).toBe(0));
  freshen(client, [event(1, "job.started", "train")]);
  await vi.waitFor(() => expect(asked).toEqual(["gone", "silent", "silent"]));
  for (const end of ends) end();
});

test("routine is not kept about a subject", () => {
  const client = new QueryClient();
  client.setQueryData(["about", "train"], []);
  freshen(client, [event(1, "job.progress", "train"), event(2, "job.resumed", "train")]);
  expect(client.getQueryData<EventRow[]>(["about", "train"])?.map((row) => row.seq)).toEqual([2]);
});

test("joined lists have no repeats", () => {
  expect(
    joined([event(1, "job.queued", "a")], [event(1, "job.queued", "a"), event(2, "job.placed", "a")]).map(
      (row) => row.seq,
    ),
  ).toEqual([1, 2]);
});
