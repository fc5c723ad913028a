/** What may be written at a place of a workload file, by the file's JSON Schema. Pure. */
import type { JsonSchema } from "@/api/queries";

export interface Suggestion {
  readonly label: string;
  readonly info: string;
  readonly isKey: boolean;
}

export interface Suggestions {
  /** From where the text before the place is replaced. */
  readonly from: number;
  readonly options: readonly Suggestion[];
}

const KEY = /^(\s*)(- )?([\w-]*)$/;
const VALUE = /^(\s*)(- )?([\w-]+):\s+(\S*)$/;
const HEAD = /^(\s*)(- )?([\w-]+):/;

/** Return what fits at the offset; null inside a text, or where the schema says nothing. */
export function suggestionsAt(schema: JsonSchema, text: string, offset: number): Suggestions | null {
  const before = text.slice(0, offset);
  const lines = before.split("\n");
  const line = lines.at(-1) ?? "";
  const value = VALUE.exec(line);
  if (value) {
    const parent = schemaAt(schema, parents(lines.slice(0, -1), indentOf(value)));
    const written = value[4] ?? "";
    const options = valuesOf(parent && member(parent, value[3] ?? ""));
    return options.length > 0 ? { from: offset - written.length, options } : null;
  }
  const key = KEY.exec(line);
  if (!key) return null;
  const parent = schemaAt(schema, parents(lines.slice(0, -1), indentOf(key)));
  const known = parent ? propertiesOf(parent) : {};
  const options = Object.entries(known).map(([label, of]) => ({ label, info: of.description ?? "", isKey: true }));
  return options.length > 0 ? { from: offset - (key[3]?.length ?? 0), options } : null;
}

/** The column at which a line's key stands: an item's dash counts as indentation. */
const indentOf = (found: RegExpExecArray): number => (found[1]?.length ?? 0) + (found[2]?.length ?? 0);

/** The keys that lead to a line indented so far, from the outermost in. */
function parents(lines: readonly string[], indent: number): string[] {
  const path: string[] = [];
  let within = indent;
  for (const line of lines.toReversed()) {
    const head = HEAD.exec(line);
    if (!head || within === 0) continue;
    const at = indentOf(head);
    if (at < within) {
      path.unshift(head[3] ?? "");
      within = head[1]?.length ?? 0; // an item stands under the key above its dash
    }
  }
  return path;
}

function schemaAt(schema: JsonSchema, path: readonly string[]): JsonSchema | undefined {
  return path.reduce<JsonSchema | undefined>((at, key) => at && member(at, key), schema);
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const ways = [schema, ...(schema.items ? [schema.items] : []), ...(schema.anyOf ?? [])];
  return Object.assign({}, ...ways.map((way) => way.properties ?? {}));
}

const member = (schema: JsonSchema, key: string): JsonSchema | undefined => propertiesOf(schema)[key];

function valuesOf(schema: JsonSchema | undefined): Suggestion[] {
  if (!schema) return [];
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  const words = [
    ...(schema.enum ?? []),
    ...(types.includes("boolean") ? [true, false] : []),
    ...(schema.examples ?? []),
  ];
  const simple = words.filter((word) => typeof word !== "object");
  return simple.map((word) => ({ label: String(word), info: schema.description ?? "", isKey: false }));
}
