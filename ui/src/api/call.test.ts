import { afterEach, expect, test, vi } from "vitest";
import { addressOf, ask, call, onRefused } from "@/api/call";

const answers = (answer: () => Promise<Response>) => vi.stubGlobal("fetch", answer);
const problem = {
  type: "about:blank",
  title: "Not found",
  status: 404,
  detail: "no job is called x",
  next_step: "kyc ps",
};

afterEach(() => vi.unstubAllGlobals());

test("an address leaves out what is not wished, and repeats what is a list", () => {
  expect(addressOf("/events", { after: 0, subject: "", kind: ["a", "b"], tail: null })).toBe(
    "/api/v1/events?after=0&kind=a&kind=b",
  );
});

test("a refusal is the API's problem with its next step", async () => {
  answers(async () => Response.json(problem, { status: 404 }));
  await expect(call("/jobs/x")).rejects.toMatchObject({ problem });
});

test("an answer that is no problem still says what happened", async () => {
  answers(async () => new Response("<html>", { status: 502, statusText: "Bad Gateway" }));
  await expect(call("/jobs")).rejects.toMatchObject({ problem: { status: 502, title: "Bad Gateway" } });
});

test("a master that is away is told as such, with what to do", async () => {
  answers(async () => Promise.reject(new TypeError("Failed to fetch")));
  await expect(call("/jobs")).rejects.toMatchObject({
    problem: { status: 0, next_step: expect.stringContaining("kyc up") },
  });
});

test("who is not known any more is sent to the sign-in, unless it is the sign-in that was refused", async () => {
  const refused = vi.fn();
  onRefused(refused);
  answers(async () => Response.json({ ...problem, status: 401 }, { status: 401 }));
  await expect(ask("/session", { method: "POST" })).rejects.toThrow();
  expect(refused).not.toHaveBeenCalled();
  await expect(ask("/jobs")).rejects.toThrow();
  expect(refused).toHaveBeenCalledOnce();
});
