import type { ReactNode } from "react";

/** A column: `value` is what it is sorted and exported by, `cell` how it looks. */
export interface Column<Row> {
  readonly id: string;
  readonly label: string;
  readonly value: (row: Row) => string | number | boolean | null;
  readonly cell?: (row: Row) => ReactNode;
  /** A grid track, such as `minmax(8rem, 1fr)`. */
  readonly width: string;
  readonly align?: "end";
  /** 1: always shown; 2: where there is some room; 3: on a wide screen. */
  readonly priority?: 1 | 2 | 3;
}
