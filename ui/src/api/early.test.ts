import { readFileSync } from "node:fs";
import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call } from "@/api/call";
import { queries } from "@/api/queries";
import { sessionQuery } from "@/api/session";
import { timelineQuery } from "@/live/timeline";

const SCRIPT = readFileSync("public/first.js", "utf-8");
let asked: string[] = [];
let answer: () => Promise<Response>;

function begin(pathname: string): void {
  asked = [];
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("location", { pathname });
  vi.stubGlobal("localStorage", { getItem: () => "light" });
  vi.stubGlobal("document", { documentElement: { dataset: {} } });
  vi.stubGlobal("performance", { now: () => 100 });
  vi.stubGlobal("fetch", (address: string) => {
    asked.push(address);
    return answer();
  });
  new Function(SCRIPT)();
}

beforeEach(() => {
  answer = async () => Response.json([]);
});
afterEach(() => vi.unstubAllGlobals());

test("what is asked for ahead of the overview is what it asks for, and is not asked for again", async () => {
  begin("/");
  const ahead = [...asked];
  const client = new QueryClient();
  await Promise.all([
    client.fetchQuery(sessionQuery),
    client.fetchQuery(timelineQuery),
    client.fetchInfiniteQuery(queries.notifications("")),
    client.fetchQuery(queries.cost("workload")),
    client.fetchQuery(queries.cost("day")),
    client.fetchQuery(queries.workloads()),
    client.fetchQuery(queries.instances()),
    client.fetchQuery(queries.overview()),
    client.fetchQuery(queries.services()),
  ]);
  expect(asked).toEqual(ahead);
  expect(Object.keys(window.kycEarly ?? {})).toEqual([]);
});

test("another page begins with less, and a sign-in with nothing", () => {
  begin("/jobs");
  expect(asked).toEqual(["/api/v1/session", "/api/v1/events?tail=1000", "/api/v1/notifications"]);
  begin("/sign-in");
  expect(asked).toEqual([]);
});

test("an early answer is good once; a refusal and an old one are not good at all", async () => {
  begin("/");
  await call("/workloads");
  await call("/workloads");
  expect(asked.filter((address) => address.endsWith("/workloads"))).toHaveLength(2);
  answer = async () => new Response("", { status: 401 });
  begin("/");
  answer = async () => Response.json(["mine"]);
  expect(await call("/workloads")).toEqual(["mine"]);
  begin("/");
  vi.stubGlobal("performance", { now: () => 60_000 });
  answer = async () => Response.json(["newer"]);
  expect(await call("/workloads")).toEqual(["newer"]);
});
