import { afterEach, expect, test, vi } from "vitest";
import { follow } from "@/live/follow";

interface Row {
  readonly seq: number;
}

const lines = (...seqs: number[]) => seqs.map((seq) => `id: ${seq}\ndata: {"seq": ${seq}}\n\n`).join("");
/** An answer whose stream ends behind these rows, as it does when the master goes away. */
const broken = (...seqs: number[]) => new Response(lines(...seqs));
const refused = () => new Response(JSON.stringify({ title: "no", status: 401, detail: "no" }), { status: 401 });

function follows(...answers: Array<Response | Error>) {
  const asked: string[] = [];
  const rows: number[] = [];
  const states: boolean[] = [];
  const ending = new AbortController();
  vi.stubGlobal("fetch", (_: string, init: RequestInit) => {
    asked.push(new Headers(init.headers).get("Last-Event-ID") ?? "");
    const answer = answers.shift();
    if (answer === undefined) ending.abort();
    return answer instanceof Response ? Promise.resolve(answer) : Promise.reject(answer ?? new Error("aborted"));
  });
  const done = follow<Row>("/events/stream", 3, {
    onRows: (more) => rows.push(...more.map((row) => row.seq)),
    onState: (live) => states.push(live),
    signal: ending.signal,
  });
  return { done, asked, rows, states };
}

afterEach(() => vi.unstubAllGlobals());

test("a stream that breaks is taken up behind the last row, after a master that does not answer too", async () => {
  const { done, asked, rows, states } = follows(broken(4, 5), new Error("away"), broken(6));
  await done;
  expect(rows).toEqual([4, 5, 6]);
  expect(asked).toEqual(["3", "5", "5", "6"]);
  expect(states).toEqual([true, false, false, true, false]);
});

test("a refusal ends it: another sign-in begins anew", async () => {
  const { done, asked, states } = follows(refused());
  await done;
  expect(asked).toEqual(["3"]);
  expect(states).toEqual([]);
});
