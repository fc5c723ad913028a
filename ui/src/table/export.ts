/** What a table shows as a file: the same rows in the same order, every column. Pure but for `download`. */
import { addressOf, ask } from "@/api/call";
import type { Column } from "@/table/column";

export function toCsv<Row>(rows: readonly Row[], columns: ReadonlyArray<Column<Row>>): string {
  const lines = [columns.map((column) => column.id), ...rows.map((row) => columns.map((column) => column.value(row)))];
  return lines.map((cells) => `${cells.map(quoted).join(",")}\r\n`).join(""); // RFC 4180
}

export function toJson<Row>(rows: readonly Row[], columns: ReadonlyArray<Column<Row>>): string {
  const objects = rows.map((row) => Object.fromEntries(columns.map((column) => [column.id, column.value(row)])));
  return `${JSON.stringify(objects, null, 2)}\n`;
}

export function download(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // some browsers read it a moment later
}

/** Have the browser fetch a file to the disk, however large; throw ProblemError where the master refuses it. */
export async function fetchFile(path: string, name: string): Promise<void> {
  const asking = new AbortController();
  await ask(path, { signal: asking.signal }); // a link could not tell why it is refused
  asking.abort();
  const link = document.createElement("a");
  link.href = addressOf(path);
  link.download = name;
  link.click();
}

function quoted(value: string | number | boolean | null): string {
  const text = value === null ? "" : String(value);
  // A text that a spreadsheet would run as a formula is kept a text.
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
