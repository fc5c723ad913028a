/** The one place where live data enters: follows the timeline and feeds the query cache. Used once, by the shell. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { EventRow } from "@/api/schema";
import { follow } from "@/live/follow";
import { freshen } from "@/live/freshen";
import { appendEvents, timelineQuery } from "@/live/timeline";

export type Link = "connecting" | "live" | "broken";

export function useLive(): Link {
  const client = useQueryClient();
  const [link, setLink] = useState<Link>("connecting");
  useEffect(() => {
    const ending = new AbortController();
    let wasLive = false;
    const onState = (live: boolean) => {
      if (live && wasLive) void client.invalidateQueries(); // what changed unseen while the link was broken
      if (live) wasLive = true;
      setLink(live ? "live" : "broken");
    };
    const onRows = (rows: EventRow[]) => {
      appendEvents(client, rows);
      freshen(client, rows);
    };
    const run = async () => {
      const { rows } = await client.ensureQueryData(timelineQuery);
      await follow<EventRow>("/events/stream", rows.at(-1)?.seq ?? 0, { onRows, onState, signal: ending.signal });
    };
    run().catch(() => setLink("broken"));
    return () => ending.abort();
  }, [client]);
  return link;
}
