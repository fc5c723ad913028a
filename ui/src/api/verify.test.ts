import { afterEach, expect, test, vi } from "vitest";
import { verifySnapshot } from "@/api/verify";

const report = { name: "train", ok: true, snapshots: [] };
const said = (...events: ReadonlyArray<readonly [string, unknown]>) =>
  events.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join("");
const answers = (text: string) => vi.stubGlobal("fetch", async () => new Response(text));
const verify = (tell: (progress: { done: number; total: number }) => void = () => undefined) =>
  verifySnapshot("train", 3, tell, new AbortController().signal);

afterEach(() => vi.unstubAllGlobals());

test("it tells how far it is, and what was found", async () => {
  const told = vi.fn();
  answers(said(["progress", { done: 1, total: 2 }], ["progress", { done: 2, total: 2 }], ["result", report]));
  expect(await verify(told)).toEqual(report);
  expect(told.mock.calls.map(([progress]) => progress.done)).toEqual([1, 2]);
});

test("a problem is thrown as such, and so is an answer that breaks off", async () => {
  const problem = { type: "about:blank", title: "Gone", status: 404, detail: "no snapshot 3", next_step: "" };
  answers(said(["problem", problem]));
  await expect(verify()).rejects.toMatchObject({ problem });
  answers(said(["progress", { done: 1, total: 2 }]));
  await expect(verify()).rejects.toMatchObject({ problem: { title: "The answer broke off" } });
});
