/** A table that sorts, selects and draws only the rows in sight, so that a thousand rows are as light as ten. */
import {
  type ColumnDef,
  getCoreRowModel,
  getSortedRowModel,
  type RowSelectionState,
  type SortingState,
  useReactTable,
} from "@tanstack/react-table";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type ReactNode, useCallback, useLayoutEffect, useMemo, useState } from "react";
import { useTranslation } from "@/i18n/useTranslation";
import type { Column } from "@/table/column";
import { Rows } from "@/table/Rows";
import { useRoom } from "@/table/useRoom";

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
  const tracks = [...(chosen ? ["1rem"] : []), ...columns.map((column) => column.width)].join(" ");
  const { keys, choose: tell } = chosen ?? {};
  const choose = useCallback(
    (key: string, on: boolean) => {
      const { [key]: _, ...others } = keys ?? {};
      tell?.(on ? { ...others, [key]: true } : others);
    },
    [keys, tell],
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
      <Rows rows={shown} columns={columns} chosen={chosen?.keys} choose={choose} />
      {shown.length === 0 ? props.empty : null}
    </div>
  );
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
