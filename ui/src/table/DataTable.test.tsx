// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeAll, expect, test } from "vitest";
import { setUpLanguage } from "@/i18n/setup";
import type { Column } from "@/table/column";
import { DataTable } from "@/table/DataTable";

interface Row {
  readonly name: string;
  readonly cost: number | null;
}

const columns: ReadonlyArray<Column<Row>> = [
  { id: "name", label: "Name", value: (row) => row.name, width: "1fr" },
  { id: "cost", label: "Cost", value: (row) => row.cost, width: "1fr" },
];
const three: readonly Row[] = [
  { name: "b", cost: 10 },
  { name: "a", cost: 9 },
  { name: "c", cost: null },
];

function shown(rows: readonly Row[]) {
  let told: readonly Row[] = [];
  const keep = (now: readonly Row[]) => {
    told = now;
  };
  render(
    <DataTable
      label="Jobs"
      rows={rows}
      columns={columns}
      keyOf={(row) => row.name}
      empty={<p>none</p>}
      onShown={keep}
    />,
  );
  return () => told.map((row) => row.name);
}

const sortBy = (name: string) => fireEvent.click(screen.getByRole("button", { name }));
const order = (name: string) => screen.getByRole("columnheader", { name }).getAttribute("aria-sort");

beforeAll(setUpLanguage);
afterEach(cleanup);

test("it sorts by numbers as numbers, both ways, and tells an export the rows as they are shown", () => {
  const told = shown(three);
  expect(told()).toEqual(["b", "a", "c"]);
  sortBy("Cost");
  expect(order("Cost")).toBe("ascending");
  expect(told().filter((name) => name !== "c")).toEqual(["a", "b"]);
  sortBy("Cost");
  expect(order("Cost")).toBe("descending");
  expect(told().filter((name) => name !== "c")).toEqual(["b", "a"]);
  sortBy("Name");
  expect(told()).toEqual(["a", "b", "c"]);
});

test("of a thousand rows only those in sight are drawn, and a reader is told how many there are", () => {
  const many = Array.from({ length: 1_000 }, (_, place) => ({ name: `job-${place}`, cost: place }));
  shown(many);
  expect(screen.getByRole("table", { name: "Jobs" }).getAttribute("aria-rowcount")).toBe("1001");
  expect(screen.getAllByRole("row").length).toBeLessThan(100);
});

test("without rows it says what to do next", () => {
  shown([]);
  expect(screen.getByText("none")).toBeTruthy();
});
