import { expect, test } from "vitest";
import { suggestionsAt } from "@/pages/launch/complete";

const MACHINE = {
  cpus: { description: "vCPUs", type: ["string", "number"], examples: ["4+"] },
  use_spot: { type: "boolean" },
  arch: { enum: ["x86_64", "arm64"] },
};
const SCHEMA = {
  properties: {
    name: { type: "string" },
    resources: {
      properties: { ...MACHINE, any_of: { type: "array", items: { properties: MACHINE } } },
    },
    service: {
      properties: {
        readiness_probe: { anyOf: [{ type: "string" }, { properties: { path: {}, timeout: {} } }] },
        replica_policy: { properties: { min_replicas: {} } },
      },
    },
  },
};
/** What is suggested where `|` stands. */
function at(marked: string): string[] | undefined {
  const offset = marked.indexOf("|");
  return suggestionsAt(SCHEMA, marked.replace("|", ""), offset)?.options.map((option) => option.label);
}

test("keys by where the line stands", () => {
  expect(at("na|")).toEqual(["name", "resources", "service"]);
  expect(at("resources:\n  c|")).toEqual(["cpus", "use_spot", "arch", "any_of"]);
  expect(at("resources:\n  cpus: 4+\nservice:\n  |")).toEqual(["readiness_probe", "replica_policy"]);
  expect(at("service:\n  readiness_probe:\n    |")).toEqual(["path", "timeout"]);
  expect(at("service:\n  replica_policy:\n    min_replicas: 1\n  rea|")).toEqual(["readiness_probe", "replica_policy"]);
});

test("keys in an item of a list", () => {
  expect(at("resources:\n  any_of:\n    - |")).toEqual(["cpus", "use_spot", "arch"]);
  expect(at("resources:\n  any_of:\n    - cpus: 4+\n      us|")).toEqual(["cpus", "use_spot", "arch"]);
});

test("values of a key", () => {
  expect(at("resources:\n  use_spot: |")).toEqual(["true", "false"]);
  expect(at("resources:\n  arch: ar|")).toEqual(["x86_64", "arm64"]);
  expect(at("resources: \n  cpus: |")).toEqual(["4+"]);
  expect(at("name: a|")).toBeUndefined();
});

test("nothing inside a text or under what is not known", () => {
  expect(at("run: |\n  echo |".replace("run: |", "run: >"))).toBeUndefined();
  expect(at("other:\n  |")).toBeUndefined();
});

test("what was begun is replaced", () => {
  expect(suggestionsAt(SCHEMA, "resources:\n  cp", 15)?.from).toBe(13);
});
