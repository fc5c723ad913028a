/** An interruption and how it was survived, read from the events. Nothing is shown as done that no event says. */
import type { EventKind, EventRow } from "@/api/schema";
import { secondsBetween } from "@/format/time";

export const STEPS = ["noticed", "replacement", "ready", "restored", "flushed", "resumed"] as const;
export type Step = (typeof STEPS)[number];

export interface Recovered {
  readonly workload: string;
  readonly instance: string;
  readonly noticed: EventRow;
  readonly replacement: string | null;
  readonly at: Readonly<Partial<Record<Step, EventRow>>>;
  /** Seconds from the notice, or the death, until the work went on; null: not yet. */
  readonly tookS: number | null;
}

const BEGINS: readonly EventKind[] = ["instance.noticed", "instance.lost"];
const GOES_ON: readonly EventKind[] = ["job.started", "job.resumed", "replica.ready"];

/** Return every interruption of an instance that worked, the newest first. `events` are in order of `seq`. */
export function recoveries(events: readonly EventRow[]): Recovered[] {
  const found: Recovered[] = [];
  for (const [place, event] of events.entries()) {
    const workload = event.data.workload;
    if (!BEGINS.includes(event.kind) || typeof workload !== "string") continue;
    if (found.some((known) => known.instance === event.subject)) continue; // noticed first, lost in the end
    found.push(oneOf(event, workload, events.slice(place)));
  }
  return found.reverse();
}

function oneOf(noticed: EventRow, workload: string, later: readonly EventRow[]): Recovered {
  const requested = later.find(
    (event) => event.kind === "replacement.requested" && event.data.replaces === noticed.subject,
  );
  const resumed = later.find(
    (event) => GOES_ON.includes(event.kind) && event.subject === workload && event.data.instance !== noticed.subject,
  );
  const where = resumed ?? requested; // a replacement may itself be given up for a better one
  const replacement = where ? String(where.data.instance) : null;
  const on = (kind: EventKind, instance: string | null) =>
    instance === null
      ? undefined
      : later.find((event) => event.kind === kind && (event.subject === instance || event.data.instance === instance));
  const at = {
    noticed,
    replacement: requested,
    ready: on("instance.ready", replacement),
    restored: on("restore.completed", replacement),
    flushed: on("snapshot.flushed", noticed.subject),
    resumed,
  };
  return {
    workload,
    instance: noticed.subject,
    noticed,
    replacement,
    at: Object.fromEntries(Object.entries(at).filter(([, event]) => event !== undefined)),
    tookS: resumed ? secondsBetween(noticed.at, resumed.at) : null,
  };
}
