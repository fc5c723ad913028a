/** Events that come all the time while work runs: they say how it goes, and would drown the rest. */
import type { EventKind } from "@/api/schema";

const ROUTINE: ReadonlySet<EventKind> = new Set(["job.progress", "snapshot.committed"]);

export const isRoutine = (kind: EventKind): boolean => ROUTINE.has(kind);
