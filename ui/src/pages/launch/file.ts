/** The workload file as text, edited by a form: what people wrote beside it, comments too, stays as it was. Pure. */
import { type Document, isMap, parseDocument } from "yaml";

export const FIRST_FILE = `name: hello
resources:
  cpus: 1+
  memory: 1+
  use_spot: true
run: |
  for step in $(seq 60); do
    echo "step $step/60"
    echo $step > progress.txt
    sleep 1
  done
keep: [progress.txt]
progress: 'step (?P<step>\\d+)/(?P<total>\\d+)'
`;

export type Place = readonly [string] | readonly [string, string];

/** Return the value at the place as text; empty where there is none, or where the file cannot be read. */
export function valueAt(text: string, place: Place): string {
  const file = parseDocument(text);
  if (file.errors.length > 0 || !isMap(file.contents)) return "";
  const value = file.getIn(place);
  return value === undefined || value === null || typeof value === "object" ? "" : String(value).replace(/\n$/, "");
}

/** Return the text with the value set, or taken out where it is empty. A file that cannot be read stays as it is. */
export function withValue(text: string, place: Place, value: string | boolean): string {
  const file: Document = parseDocument(text || "{}");
  if (file.errors.length > 0) return text;
  if (value !== "") file.setIn(place, value);
  else if (file.hasIn(place)) file.deleteIn(place);
  return file.toString({ lineWidth: 0 });
}

/** The line that an error names, `line 3`; null if it names none. */
export function lineOf(detail: string): number | null {
  const found = /line (\d+)/.exec(detail);
  return found ? Number(found[1]) : null;
}

/** The key that an error begins with, as the API writes places: `resources.cpus: …`. */
export function placeOf(detail: string): string | null {
  return /^`?([a-z_]+(?:\.[a-z_]+)*)`?(?=[:\s])/.exec(detail)?.[1] ?? null;
}
