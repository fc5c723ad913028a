/** The keys of a workload file, for completion. What a key means is said by the strings; what is wrong, by the master. */
export const TOP_KEYS = [
  "name",
  "resources",
  "workdir",
  "envs",
  "setup",
  "run",
  "keep",
  "on_interrupt",
  "deadline",
  "budget",
  "progress",
  "stop_grace",
  "snapshot_interval",
  "snapshot_rate",
  "snapshot_paranoid",
  "image",
  "service",
] as const; // prettier-ignore

export const RESOURCE_KEYS = [
  "infra",
  "cloud",
  "region",
  "zone",
  "accelerators",
  "instance_type",
  "cpus",
  "memory",
  "use_spot",
  "arch",
  "max_price",
  "any_of",
  "ordered",
] as const; // prettier-ignore

export type FileKey = (typeof TOP_KEYS)[number] | (typeof RESOURCE_KEYS)[number];
