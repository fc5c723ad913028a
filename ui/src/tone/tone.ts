/** Which colour a state has. A state that the API gains does not compile until it has one. */
import type { AttemptState, DeploymentState, EventKind, InstanceState, JobState } from "@/api/schema";

/** quiet: over or not begun; busy: on its way; good: works; warn: going away; bad: lost. */
export type Tone = "quiet" | "busy" | "good" | "warn" | "bad";

export const INSTANCE_TONE: Record<InstanceState, Tone> = {
  requested: "busy",
  provisioning: "busy",
  booting: "busy",
  ready: "good",
  noticed: "warn",
  draining: "warn",
  lost: "bad",
  terminating: "quiet",
  terminated: "quiet",
  failed: "bad",
};

export const JOB_TONE: Record<JobState, Tone> = {
  queued: "quiet",
  placing: "busy",
  starting: "busy",
  running: "good",
  migrating: "warn",
  succeeded: "good",
  failed: "bad",
  stopped: "quiet",
};

export const ATTEMPT_TONE: Record<AttemptState, Tone> = {
  preparing: "busy",
  prepared: "busy",
  running: "good",
  releasing: "warn",
  released: "quiet",
  exited: "quiet",
  lost: "bad",
  dismissed: "quiet",
};

export const DEPLOYMENT_TONE: Record<DeploymentState, Tone> = {
  requested: "busy",
  applied: "good",
  failed: "bad",
  destroyed: "quiet",
};

export const EVENT_TONE: Record<EventKind, Tone> = {
  "deployment.requested": "busy",
  "deployment.log": "quiet",
  "deployment.succeeded": "good",
  "deployment.failed": "bad",
  "deployment.destroyed": "quiet",
  "instance.requested": "busy",
  "instance.ready": "good",
  "interruption.requested": "warn",
  "instance.noticed": "warn",
  "instance.suspected": "warn",
  "instance.lost": "bad",
  "instance.repriced": "quiet",
  "instance.terminated": "quiet",
  "replacement.requested": "busy",
  "snapshot.committed": "quiet",
  "snapshot.flushed": "good",
  "restore.started": "busy",
  "restore.completed": "good",
  "job.queued": "quiet",
  "job.placed": "busy",
  "job.started": "good",
  "job.progress": "quiet",
  "job.steered": "busy",
  "job.migrating": "warn",
  "job.resumed": "good",
  "job.succeeded": "good",
  "job.failed": "bad",
  "job.stopped": "quiet",
  "attempt.prepared": "busy",
  "attempt.released": "quiet",
  "attempt.fenced": "warn",
  "agent.troubled": "warn",
  "replica.ready": "good",
  "replica.draining": "warn",
  "replica.stopped": "quiet",
  "service.scaled": "busy",
  "edge.updated": "quiet",
  "deadline.missed": "bad",
  "budget.warned": "warn",
  "budget.held": "warn",
  "budget.stopped": "bad",
  "orphan.found": "warn",
  "orphan.removed": "quiet",
  "price.alerted": "warn",
  "stream.started": "quiet",
  "user.added": "quiet",
  "user.changed": "quiet",
  "user.removed": "quiet",
  "token.created": "quiet",
  "token.revoked": "quiet",
  "sign_in.refused": "warn",
  "account.added": "good",
  "account.removed": "quiet",
};
