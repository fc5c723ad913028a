/** What notifications are about, and how grave they are, as the API names it. */
import type { Tone } from "@/tone/tone";

export const TOPICS = ["interruption", "work", "data", "money", "price", "trouble"] as const;
export type Topic = (typeof TOPICS)[number];

export const SEVERITIES = { info: "quiet", success: "good", warning: "warn", failure: "bad" } as const satisfies Record<
  string,
  Tone
>;
export type Severity = keyof typeof SEVERITIES;

export const isSeverity = (word: string): word is Severity => word in SEVERITIES;
export const isTopic = (word: string): word is Topic => TOPICS.some((topic) => topic === word);

/** Turn a topic on or off in a choice where nothing means everything; keep the order of the topics. */
export function toggled(chosen: readonly string[], topic: Topic): Topic[] {
  const before = TOPICS.filter((one) => chosen.length === 0 || chosen.includes(one));
  const after = before.includes(topic) ? before.filter((one) => one !== topic) : [...before, topic];
  return after.length === TOPICS.length ? [] : TOPICS.filter((one) => after.includes(one));
}
