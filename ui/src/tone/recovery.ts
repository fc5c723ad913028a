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
  /** Seconds from the notice, or the death, until the work went on; null: not yet, or not at all. */
  readonly tookS: number | null;
  /** Nothing goes on: the work was over, or its service did not need this instance any more. */
  readonly ended: boolean;
}

const BEGINS: readonly EventKind[] = ["instance.noticed", "instance.lost"];
const GOES_ON: readonly EventKind[] = ["job.started", "job.resumed", "replica.ready"];
const ENDS: readonly EventKind[] = ["job.succeeded", "job.failed", "job.stopped", "service.stopped", "service.failed"];

/** Return every interruption of an instance that worked, the newest first. `events` are in order of `seq`. */
export function recoveries(events: readonly EventRow[]): Recovered[] {
  const found: Recovered[] = [];
  for (const [place, event] of events.entries()) {
    const workload = event.data.workload;
    if (!BEGINS.includes(event.kind) || typeof workload !== "string") continue;
    if (found.some((known) => known.instance === event.subject)) continue; // noticed first, lost in the end
    const ended = isGivenBack(event.subject, events.slice(0, place));
    found.push(oneOf(event, workload, events.slice(place), ended));
  }
  return found.reverse();
}

/** Whether all replicas that were ready on the instance drained before it was taken away. */
function isGivenBack(instance: string, before: readonly EventRow[]): boolean {
  const there = before.filter((event) => event.data.instance === instance);
  const kinds = new Map(
    there
      .filter((event) => event.kind === "replica.ready" || event.kind === "replica.draining")
      .map((event) => [event.data.replica, event.kind]),
  );
  return kinds.size > 0 && [...kinds.values()].every((kind) => kind === "replica.draining");
}

function isEnd(event: EventRow): boolean {
  const { replicas, was_replicas: before } = event.data;
  const toFewer = event.kind === "service.scaled" && Number(replicas) < Number(before);
  return toFewer || ENDS.includes(event.kind);
}

function oneOf(noticed: EventRow, workload: string, later: readonly EventRow[], givenBack: boolean): Recovered {
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
    ended: !resumed && (givenBack || later.some((event) => event.subject === workload && isEnd(event))),
  };
}
