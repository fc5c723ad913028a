import { expect, test } from "vitest";
import type { Column } from "@/table/column";
import { toCsv, toJson } from "@/table/export";

interface Row {
  readonly name: string;
  readonly cost: number | null;
}

const columns: ReadonlyArray<Column<Row>> = [
  { id: "name", label: "Name", value: (row) => row.name, width: "1fr" },
  { id: "cost", label: "Cost", value: (row) => row.cost, width: "1fr" },
];

test("csv quotes what must be quoted and keeps the order", () => {
  const rows = [
    { name: 'a "b", c', cost: 0.5 },
    { name: "line\nend", cost: null },
  ];
  expect(toCsv(rows, columns)).toBe('name,cost\r\n"a ""b"", c",0.5\r\n"line\nend",\r\n');
});

test("a text that a spreadsheet would run stays a text, a negative number a number", () => {
  expect(toCsv([{ name: "=1+1", cost: -2 }], columns)).toBe("name,cost\r\n'=1+1,-2\r\n");
});

test("json holds the same values", () => {
  expect(JSON.parse(toJson([{ name: "=x", cost: 1 }], columns))).toEqual([{ name: "=x", cost: 1 }]);
});
