import { useMemo } from "react";
import type { EventRow } from "@/api/schema";
import type { Column } from "@/table/column";

/** For the export: the fields as the API names them. */
export function useEventColumns(): ReadonlyArray<Column<EventRow>> {
  return useMemo(
    () => [
      { id: "seq", label: "seq", value: (row) => row.seq, width: "" },
      { id: "at", label: "at", value: (row) => row.at, width: "" },
      { id: "kind", label: "kind", value: (row) => row.kind, width: "" },
      { id: "subject", label: "subject", value: (row) => row.subject, width: "" },
      { id: "reason", label: "reason", value: (row) => row.reason ?? "", width: "" },
      { id: "data", label: "data", value: (row) => JSON.stringify(row.data), width: "" },
    ],
    [],
  );
}
