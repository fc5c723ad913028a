/** One row of a table; drawn again only when its own thing changes, so that scrolling draws no more than what comes in. */
import type { TFunction } from "i18next";
import { memo } from "react";
import type { Column } from "@/table/column";

export const ROW_PX = 44;

interface DataRowProps<Row> {
  readonly name: string;
  readonly row: Row;
  readonly columns: ReadonlyArray<Column<Row>>;
  /** Its number among all, the head being the first. */
  readonly place: number;
  readonly top: number;
  /** Absent: rows cannot be chosen. */
  readonly chosen: boolean | undefined;
  readonly choose: (name: string, on: boolean) => void;
  readonly t: TFunction;
}

function Drawn<Row>({ name, row, columns, place, top, chosen, choose, t }: DataRowProps<Row>) {
  return (
    <div
      className="table-row"
      role="row"
      aria-rowindex={place}
      data-chosen={chosen || undefined}
      style={{ transform: `translateY(${top}px)`, height: ROW_PX }}
    >
      {chosen === undefined ? null : (
        <div role="cell" className="cell cell-choose">
          <input
            type="checkbox"
            aria-label={t("table.choose", { name })}
            checked={chosen}
            onChange={(event) => choose(name, event.target.checked)}
          />
        </div>
      )}
      {columns.map((column) => (
        <div key={column.id} role="cell" className={`cell ${column.align === "end" ? "cell-end num" : ""}`}>
          {column.cell ? column.cell(row) : (column.value(row) ?? <span className="quiet">–</span>)}
        </div>
      ))}
    </div>
  );
}

// `memo` forgets that its component takes any kind of row.
export const DataRow = memo(Drawn) as typeof Drawn;
