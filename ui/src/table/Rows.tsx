/** The rows in sight, which alone are drawn anew while one scrolls. */
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useTranslation } from "@/i18n/useTranslation";
import type { Column } from "@/table/column";
import { DataRow, ROW_PX } from "@/table/DataRow";
import { useOffset } from "@/table/useOffset";

/** Rows that are drawn beyond the window's edges, so that a slow turn of the wheel never meets a gap. */
const OVERSCAN = 6;

interface RowsProps<Row> {
  readonly rows: ReadonlyArray<{ readonly id: string; readonly original: Row }>;
  readonly columns: ReadonlyArray<Column<Row>>;
  /** Absent: rows cannot be chosen. */
  readonly chosen: Readonly<Record<string, boolean>> | undefined;
  readonly choose: (name: string, on: boolean) => void;
}

export function Rows<Row>({ rows, columns, chosen, choose }: RowsProps<Row>) {
  const { t } = useTranslation();
  const { body, offset } = useOffset<HTMLDivElement>();
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    scrollMargin: offset,
  });
  return (
    <div className="table-body" role="rowgroup" ref={body} style={{ height: virtual.getTotalSize() }}>
      {virtual.getVirtualItems().map((item) => {
        const row = rows[item.index];
        if (!row) return null;
        return (
          <DataRow
            key={row.id}
            name={row.id}
            row={row.original}
            columns={columns}
            place={item.index + 2}
            top={item.start - offset}
            chosen={chosen ? (chosen[row.id] ?? false) : undefined}
            choose={choose}
            t={t}
          />
        );
      })}
    </div>
  );
}
