/** Which events are shown. Pure. */
import type { EventKind, EventRow } from "@/api/schema";
import { isRoutine } from "@/live/routine";

export const GROUPS = ["usual", "all", "terraform", "instance", "job", "files", "service", "money"] as const;
export type Group = (typeof GROUPS)[number];

const PREFIXES: Record<Exclude<Group, "all" | "usual">, readonly string[]> = {
  terraform: ["deployment."],
  instance: ["instance.", "interruption.", "replacement.", "orphan.", "agent."],
  job: ["job.", "attempt.", "deadline."],
  files: ["snapshot.", "restore.", "stream."],
  service: ["service.", "replica.", "edge."],
  money: ["budget.", "price."],
};

export const SINCE = { ever: Number.POSITIVE_INFINITY, minutes5: 300, hour: 3600, day: 86_400 } as const;
export type Since = keyof typeof SINCE;

export interface Wanted {
  readonly group: Group;
  readonly since: Since;
  readonly text: string;
  readonly now: number;
}

export function filtered(rows: readonly EventRow[], { group, since, text, now }: Wanted): readonly EventRow[] {
  const words = text.trim().toLowerCase();
  const oldest = now - SINCE[since] * 1000;
  if (group === "all" && since === "ever" && !words) return rows;
  return rows.filter(
    (row) =>
      isIn(row.kind, group) && (since === "ever" || Date.parse(row.at) >= oldest) && (!words || tells(row, words)),
  );
}

function isIn(kind: EventKind, group: Group): boolean {
  if (group === "all") return true;
  if (group === "usual") return !isRoutine(kind);
  return (PREFIXES[group] ?? []).some((prefix) => kind.startsWith(prefix)); // an address may name a group that is none
}

function tells(row: EventRow, words: string): boolean {
  const text = `${row.kind} ${row.subject} ${row.reason} ${row.kind === "deployment.log" ? row.data.line : ""}`;
  return text.toLowerCase().includes(words);
}
