/** A table that sorts, selects and draws only the rows in sight, so that a thousand rows are as light as ten. */
import {
  type ColumnDef,
  getCoreRowModel,
  getSortedRowModel,
  type RowSelectionState,
  type SortingState,
  useReactTable,
} from "@tanstack/react-table";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type ReactNode, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Column } from "@/table/column";
import { DataRow, ROW_PX } from "@/table/DataRow";
import { useRoom } from "@/table/useRoom";

/** Rows that are drawn beyond the window's edges, so that a slow turn of the wheel never meets a gap. */
const OVERSCAN = 6;

interface DataTableProps<Row> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: ReadonlyArray<Column<Row>>;
  readonly keyOf: (row: Row) => string;
  readonly sortedBy?: { readonly id: string; readonly desc: boolean };
  readonly empty: ReactNode;
  /** Shown above the table while rows are chosen; absent: rows cannot be chosen. */
  readonly chosen?: { readonly keys: RowSelectionState; readonly choose: (keys: RowSelectionState) => void };
  /** Told the rows as they are shown, for an export. */
  readonly onShown?: (rows: readonly Row[]) => void;
}

export function DataTable<Row>(props: DataTableProps<Row>) {
  const { rows, keyOf, chosen, onShown } = props;
  const { t } = useTranslation();
  const room = useRoom();
  const [sorting, setSorting] = useState<SortingState>(props.sortedBy ? [props.sortedBy] : []);
  const columns = useMemo(
    () => props.columns.filter((column) => (column.priority ?? 1) <= room),
    [props.columns, room],
  );
  const definitions = useMemo(
    () =>
      props.columns.map(
        (column): ColumnDef<Row> => ({ id: column.id, accessorFn: column.value, sortUndefined: "last" }),
      ),
    [props.columns],
  );
  const table = useReactTable({
    data: rows as Row[],
    columns: definitions,
    state: { sorting, rowSelection: chosen?.keys ?? {} },
    onSortingChange: setSorting,
    getRowId: keyOf,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
  });
  const shown = table.getRowModel().rows;
  useLayoutEffect(() => onShown?.(shown.map((row) => row.original)), [shown, onShown]);
  const { body, virtual, offset } = useRows(shown.length);
  const tracks = [...(chosen ? ["1rem"] : []), ...columns.map((column) => column.width)].join(" ");
  const choose = useCallback(
    (key: string, on: boolean) => {
      const { [key]: _, ...others } = chosen?.keys ?? {};
      chosen?.choose(on ? { ...others, [key]: true } : others);
    },
    [chosen],
  );
  const all = shown.length > 0 && shown.every((row) => chosen?.keys[row.id]);

  return (
    <div
      className="table"
      role="table"
      aria-label={props.label}
      aria-rowcount={shown.length + 1}
      style={{ "--tracks": tracks } as object}
    >
      <div className="table-head" role="rowgroup">
        <div className="table-row" role="row" aria-rowindex={1}>
          {chosen ? (
            <div role="columnheader" className="cell">
              <input
                type="checkbox"
                aria-label={t("table.chooseAll")}
                checked={all}
                onChange={(event) =>
                  chosen.choose(event.target.checked ? Object.fromEntries(shown.map((row) => [row.id, true])) : {})
                }
              />
            </div>
          ) : null}
          {columns.map((column) => (
            <Head key={column.id} column={column} sorting={sorting[0]} sort={setSorting} />
          ))}
        </div>
      </div>
      <div className="table-body" role="rowgroup" ref={body} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = shown[item.index];
          if (!row) return null;
          return (
            <DataRow
              key={row.id}
              name={row.id}
              row={row.original}
              columns={columns}
              place={item.index + 2}
              top={item.start - offset}
              chosen={chosen ? (chosen.keys[row.id] ?? false) : undefined}
              choose={choose}
            />
          );
        })}
      </div>
      {shown.length === 0 ? props.empty : null}
    </div>
  );
}

function useRows(count: number) {
  const body = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setOffset((body.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(document.body);
    return () => watch.disconnect();
  }, []);
  const virtual = useWindowVirtualizer({ count, estimateSize: () => ROW_PX, overscan: OVERSCAN, scrollMargin: offset });
  return { body, virtual, offset };
}

interface HeadProps<Row> {
  readonly column: Column<Row>;
  readonly sorting: SortingState[number] | undefined;
  readonly sort: (sorting: SortingState) => void;
}

function Head<Row>({ column, sorting, sort }: HeadProps<Row>) {
  const mine = sorting?.id === column.id;
  const order = mine ? (sorting.desc ? "descending" : "ascending") : "none";
  const Arrow = order === "descending" ? ArrowDown : ArrowUp;
  return (
    <div role="columnheader" aria-sort={order} className={`cell ${column.align === "end" ? "cell-end" : ""}`}>
      <button type="button" className="sort" onClick={() => sort([{ id: column.id, desc: mine && !sorting.desc }])}>
        {column.label}
        <Arrow size={12} aria-hidden className={mine ? "" : "sort-off"} />
      </button>
    </div>
  );
}
