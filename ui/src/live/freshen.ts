/** Which queries an event makes stale. A new kind of event does not compile until it is placed here. */
import type { Query, QueryClient } from "@tanstack/react-query";
import { isRefusal } from "@/api/problem";
import type { EventKind, EventRow } from "@/api/schema";
import { isRoutine } from "@/live/routine";

type Subject =
  | "instances"
  | "workloads"
  | "deployments"
  | "snapshots"
  | "cost"
  | "budgets"
  | "offers"
  | "catalog"
  | "people"
  | "clouds"
  | "services"
  | "streams"
  | "overview"
  | "alerts"
  | "notifications";

const work: readonly Subject[] = ["workloads", "overview"];
const machine: readonly Subject[] = ["instances", "workloads", "cost", "overview"];
const terraform: readonly Subject[] = ["deployments", "instances"];
const files: readonly Subject[] = ["workloads", "snapshots"];
const money: readonly Subject[] = ["budgets", "cost"];
const served: readonly Subject[] = ["services", "workloads"];
const streams: readonly Subject[] = ["streams"];
const people: readonly Subject[] = ["people"];
const told: readonly Subject[] = ["notifications"];
const nothing: readonly Subject[] = [];

export const STALE: Record<EventKind, readonly Subject[]> = {
  "deployment.requested": terraform,
  "deployment.log": nothing,
  "deployment.succeeded": terraform,
  "deployment.failed": [...terraform, ...told],
  "deployment.destroyed": terraform,
  "instance.requested": machine,
  "instance.ready": machine,
  "interruption.requested": machine,
  "interruption.begun": machine,
  "instance.noticed": [...machine, ...told],
  "instance.weighed": machine,
  "instance.suspected": machine,
  "instance.lost": [...machine, ...told],
  "instance.repriced": [...machine, "offers"],
  "instance.terminated": machine,
  "replacement.requested": [...machine, ...told],
  "snapshot.committed": files,
  "snapshot.flushed": [...files, ...told],
  "restore.started": work,
  "restore.completed": [...work, ...told],
  "job.queued": work,
  "job.placed": work,
  "job.started": work,
  "job.progress": work,
  "job.steered": work,
  "job.migrating": work,
  "job.resumed": [...work, ...told],
  "job.succeeded": [...work, ...told],
  "job.failed": [...work, ...told],
  "job.stopped": [...work, ...told],
  "attempt.prepared": work,
  "attempt.released": work,
  "attempt.fenced": work,
  "agent.troubled": [...machine, ...told],
  "replica.ready": served,
  "replica.draining": served,
  "replica.stopped": served,
  "service.scaled": served,
  "edge.updated": served,
  "deadline.missed": [...work, ...told],
  "budget.warned": [...money, ...told],
  "budget.held": [...money, ...told],
  "budget.stopped": [...money, ...told],
  "orphan.found": [...machine, ...told],
  "orphan.removed": [...machine, ...told],
  "price.alerted": ["offers", "alerts", ...told],
  "stream.started": streams,
  "replica.requested": served,
  "replica.started": served,
  "replica.pulling": served,
  "replica.unready": served,
  "replica.died": served,
  "replica.failed": served,
  "service.requested": served,
  "service.ready": served,
  "service.updated": served,
  "service.stopped": served,
  "service.failed": served,
  "notification.failed": told,
  "stream.moving": streams,
  "stream.moved": streams,
  "stream.stayed": streams,
  "stream.troubled": streams,
  "snapshot.freed": files,
  "flush.warned": work,
  "flush.fits": work,
  "user.added": people,
  "user.changed": people,
  "user.removed": people,
  "token.created": people,
  "token.revoked": people,
  "sign_in.refused": told,
  "account.added": ["clouds"],
  "account.removed": ["clouds"],
};

/** The kinds that a page about one thing asks for: all but the routine. */
export const TELLING: readonly EventKind[] = (Object.keys(STALE) as EventKind[]).filter((kind) => !isRoutine(kind));

/** Ask anew for what these events changed, and only for what a page shows now. */
export function freshen(client: QueryClient, events: readonly EventRow[]): void {
  const subjects = new Set(events.flatMap((event) => STALE[event.kind] ?? nothing));
  for (const subject of subjects) void askAnew(client, [subject]);
  const telling = events.filter((event) => !isRoutine(event.kind));
  for (const subject of new Set(telling.map((event) => event.subject))) {
    const queryKey = ["about", subject];
    const state = client.getQueryState(queryKey);
    if (!state) continue;
    if (state.fetchStatus === "fetching") {
      void askAnew(client, queryKey);
    } else {
      const added = telling.filter((event) => event.subject === subject);
      client.setQueryData<EventRow[]>(queryKey, (known) => known && joined(known, added));
    }
  }
}

/** What is being asked anew, and whether something happened meanwhile, so that it is asked once more. */
const turns = new WeakMap<QueryClient, Map<string, boolean>>();

/**
 * Ask once at a time: events that come faster than answers must not cut every answer off.
 * A first answer that is on its way may have been made before the events: it is not waited for.
 * What was refused is not asked for again.
 */
async function askAnew(client: QueryClient, queryKey: readonly string[]): Promise<void> {
  const mine = turns.get(client) ?? new Map<string, boolean>();
  turns.set(client, mine);
  const name = JSON.stringify(queryKey);
  if (mine.has(name)) {
    mine.set(name, true);
    return;
  }
  const isAsked = (query: Query) => !isRefusal(query.state.error);
  const isFirst = (query: Query) => query.state.data === undefined && isAsked(query);
  do {
    mine.set(name, false);
    await client.cancelQueries({ queryKey, predicate: isFirst }, { silent: true });
    await client.invalidateQueries({ queryKey, predicate: isAsked });
  } while (mine.get(name));
  mine.delete(name);
}

/** Return both lists as one without repeats; each is in order of `seq`. */
export function joined(known: readonly EventRow[], added: readonly EventRow[]): EventRow[] {
  const last = known.at(-1)?.seq ?? 0;
  return [...known, ...added.filter((event) => event.seq > last)];
}
