/** The timeline as the query cache holds it: what was read so far, from the newest back to `first`. */
import { type QueryClient, queryOptions, useQuery } from "@tanstack/react-query";
import { call } from "@/api/call";
import type { EventRow } from "@/api/schema";
import { joined } from "@/live/freshen";

const FIRST_PAGE = 1_000;
const OLDER_PAGE = 10_000;

export interface Timeline {
  readonly rows: readonly EventRow[]; // in order of `seq`
  readonly whole: boolean; // nothing is older
}

const KEY = ["timeline"] as const;

export const timelineQuery = queryOptions({
  queryKey: KEY,
  queryFn: async ({ signal, client }): Promise<Timeline> => {
    const known = client.getQueryData<Timeline>(KEY);
    if (known) return known; // the stream keeps it up to date
    const rows = await call<EventRow[]>("/events", { query: { tail: FIRST_PAGE }, signal });
    return { rows, whole: rows.length < FIRST_PAGE };
  },
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
  structuralSharing: false, // a deep comparison of a hundred thousand rows at each event would be seen
});

export function useTimeline(): Timeline | undefined {
  return useQuery(timelineQuery).data;
}

export function appendEvents(client: QueryClient, events: readonly EventRow[]): void {
  client.setQueryData<Timeline>(KEY, (known) => known && { ...known, rows: joined(known.rows, events) });
}

/** Read the page before what is known. */
export async function loadOlder(client: QueryClient): Promise<void> {
  const first = client.getQueryData<Timeline>(KEY)?.rows[0]?.seq;
  if (first === undefined) return;
  const after = Math.max(0, first - 1 - OLDER_PAGE);
  const rows = await call<EventRow[]>("/events", { query: { after, limit: OLDER_PAGE } });
  const older = rows.filter((event) => event.seq < first);
  client.setQueryData<Timeline>(KEY, (known) => known && { rows: [...older, ...known.rows], whole: after === 0 });
}
