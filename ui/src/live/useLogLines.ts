/** The lines of a workload, followed as long as somebody looks at them. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { call } from "@/api/call";
import type { LogRow } from "@/api/schema";
import { follow } from "@/live/follow";

const FIRST_PAGE = 10_000;

export interface Line {
  readonly attempt: string;
  readonly text: string;
}

interface Read {
  readonly lines: readonly Line[];
  readonly last: number;
}

const NONE: readonly Line[] = [];

export function useLogLines(name: string): readonly Line[] {
  const client = useQueryClient();
  const key = ["logs", name];
  const path = `/workloads/${encodeURIComponent(name)}/logs`;
  const { data } = useQuery({
    queryKey: key,
    queryFn: async ({ signal }): Promise<Read> => {
      let read: Read = { lines: [], last: 0 };
      for (;;) {
        const rows = await call<LogRow[]>(path, { query: { after: read.last, limit: FIRST_PAGE }, signal });
        read = added(read, rows);
        if (rows.length < FIRST_PAGE) return read;
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
  });
  const ready = data !== undefined;
  useEffect(() => {
    if (!ready) return;
    const ending = new AbortController();
    const known = ["logs", name];
    const after = client.getQueryData<Read>(known)?.last ?? 0;
    void follow<LogRow>(`/workloads/${encodeURIComponent(name)}/logs/stream`, after, {
      signal: ending.signal,
      onState: () => undefined, // the shell shows whether the master answers
      onRows: (rows) => client.setQueryData<Read>(known, (read) => read && added(read, rows)),
    });
    return () => ending.abort();
  }, [client, name, ready]);
  return data?.lines ?? NONE;
}

export function added(read: Read, rows: readonly LogRow[]): Read {
  const fresh = rows.filter((row) => row.seq > read.last);
  const lines = fresh.flatMap((row) =>
    row.text
      .replace(/\n$/, "")
      .split("\n")
      .map((text) => ({ attempt: row.attempt, text })),
  );
  return { lines: [...read.lines, ...lines], last: fresh.at(-1)?.seq ?? read.last };
}
