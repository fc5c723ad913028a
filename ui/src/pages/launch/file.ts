/** The workload file as text, edited by a form: what people wrote beside it, comments too, stays as it was. Pure. */
import { type Document, isMap, parseDocument } from "yaml";

export const FIRST_JOB = `name: hello
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

export const FIRST_SERVICE = `name: hello-web
service:
  readiness_probe: /
  replica_policy:
    min_replicas: 1
    max_replicas: 4
    target_qps_per_replica: 5
resources:
  cpus: 1+
  memory: 1+
  use_spot: true
run: python3 -m http.server $PORT
`;

/** The keys that lead to a value. */
export type Place = readonly [string, ...string[]];

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
  if (value !== "") file.setIn(place, asWritten(place, value));
  else if (file.hasIn(place)) file.deleteIn(place);
  return file.toString({ lineWidth: 0 });
}

/** Within a section a number is a number; a name or a command of digits stays a text. */
function asWritten(place: Place, value: string | boolean): string | boolean | number {
  return place.length > 1 && typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

/** Return a time as files write it, `1d 2h` or `90m`, in hours; null where it is none. */
export function hoursOf(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*([dhms])/g)];
  if (parts.length === 0 || text.replaceAll(/(\d+(?:\.\d+)?)\s*([dhms])/g, "").trim() !== "") return null;
  const units: Record<string, number> = { d: 24, h: 1, m: 1 / 60, s: 1 / 3600 };
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ""] ?? 0), 0);
}
