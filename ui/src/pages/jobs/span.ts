/** What each attempt did when: preparing, restoring, running, flushing. Read from the attempts and their events. Pure. */
import type { AttemptRow, EventKind, EventRow } from "@/api/schema";

export type Phase = "preparing" | "restoring" | "waiting" | "running" | "flushing";

export interface Span {
  readonly phase: Phase;
  readonly from: number; // milliseconds since the epoch
  readonly to: number;
}

export interface Lane {
  readonly attempt: AttemptRow;
  readonly spans: readonly Span[];
}

export function lanes(attempts: readonly AttemptRow[], events: readonly EventRow[], now: number): Lane[] {
  return attempts.map((attempt) => ({ attempt, spans: spansOf(attempt, events, now) }));
}

function spansOf(attempt: AttemptRow, events: readonly EventRow[], now: number): Span[] {
  const at = (kind: EventKind) => {
    const found = events.find((event) => event.kind === kind && event.data.attempt === attempt.id);
    return found ? Date.parse(found.at) : null;
  };
  const end = attempt.ended_at ? Date.parse(attempt.ended_at) : now;
  const created = Date.parse(attempt.created_at);
  const started = attempt.started_at ? Date.parse(attempt.started_at) : null;
  const [restoring, restored, prepared] = [at("restore.started"), at("restore.completed"), at("attempt.prepared")];
  const flushed = at("snapshot.flushed");
  const marks: Array<readonly [Phase, number | null]> = [
    ["preparing", created],
    ["restoring", restoring],
    ["preparing", restoring === null ? null : restored],
    ["waiting", prepared],
    ["running", started],
    ["flushing", started === null ? null : flushStart(flushed, events, attempt.id)],
  ];
  const known = marks.filter((mark): mark is readonly [Phase, number] => mark[1] !== null && mark[1] <= end);
  return known
    .map(([phase, from], place) => ({ phase, from, to: Math.max(from, known[place + 1]?.[1] ?? end) }))
    .filter((span) => span.to > span.from);
}

function flushStart(flushed: number | null, events: readonly EventRow[], attempt: string): number | null {
  const event = events.find((one) => one.kind === "snapshot.flushed" && one.data.attempt === attempt);
  const took = event?.data.took_s;
  return flushed !== null && typeof took === "number" ? flushed - took * 1000 : null;
}
