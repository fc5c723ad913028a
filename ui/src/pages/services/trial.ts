/** Who answered the test requests. Pure. */
import type { TrialReply } from "@/api/schema";

export interface Answered {
  readonly replica: string;
  readonly instance: string;
  readonly count: number;
}

export const isFailed = (reply: TrialReply): boolean => reply.status === null || reply.status >= 500;

/** Return how many requests each replica answered, in the order of their names. */
export function counted(replies: readonly TrialReply[]): Answered[] {
  const found = new Map<string, Answered>();
  for (const reply of replies) {
    if (isFailed(reply)) continue;
    const replica = reply.replica ?? "?";
    const known = found.get(replica);
    found.set(replica, { replica, instance: reply.instance ?? "", count: (known?.count ?? 0) + 1 });
  }
  return [...found.values()].sort((one, other) => one.replica.localeCompare(other.replica));
}
