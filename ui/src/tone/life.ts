/** What a state means for what may be done, and under which tab a row is found. */
import type { InstanceRow, InstanceState, JobState, ServiceState } from "@/api/schema";

export type InstanceGroup = "healthy" | "interrupted" | "ended";

export const INSTANCE_GROUP: Record<InstanceState, InstanceGroup> = {
  requested: "healthy",
  provisioning: "healthy",
  booting: "healthy",
  ready: "healthy",
  noticed: "interrupted",
  draining: "interrupted",
  lost: "interrupted",
  terminating: "ended",
  terminated: "ended",
  failed: "ended",
};

const OVER: Record<JobState, boolean> = {
  queued: false,
  placing: false,
  starting: false,
  running: false,
  migrating: false,
  succeeded: true,
  failed: true,
  stopped: true,
};

export const isJobOver = (state: JobState): boolean => OVER[state];
export const isInstanceOver = (row: InstanceRow): boolean => row.ended_at !== null;
/** There is something to take away once the cloud has it. */
export const isInterruptible = (row: InstanceRow): boolean =>
  row.provider_id !== null && INSTANCE_GROUP[row.state] !== "ended";
export const isTerminable = (row: InstanceRow): boolean => INSTANCE_GROUP[row.state] !== "ended";

const SERVICE_OVER: Record<ServiceState, boolean> = {
  starting: false,
  running: false,
  stopping: true,
  stopped: true,
  failed: true,
};

export const isServiceOver = (state: ServiceState): boolean => SERVICE_OVER[state];
