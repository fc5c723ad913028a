import { expect, test } from "vitest";
import type { TrialReply } from "@/api/schema";
import { counted, isFailed } from "@/pages/services/trial";

const reply = (replica: string | null, status: number | null): TrialReply => ({
  replica,
  instance: "i-1",
  status,
  took_ms: 1,
  error: "",
});

test("failures are counted for nobody, a refusal of the service's own is an answer", () => {
  const replies = [reply("b", 200), reply("a", 404), reply("b", 200), reply("a", 503), reply(null, null)];
  expect(counted(replies)).toEqual([
    { replica: "a", instance: "i-1", count: 1 },
    { replica: "b", instance: "i-1", count: 2 },
  ]);
  expect(replies.filter(isFailed)).toHaveLength(2);
});
