/** What is asked of the master. Each is one call; the events that follow show what came of it. */
import { call } from "@/api/call";
import type {
  BudgetRequest,
  BudgetRow,
  DeploymentRow,
  InstanceRow,
  InterruptRequest,
  JobPlan,
  JobRequest,
  LaunchRequest,
  RefreshRequest,
  WorkloadRow,
} from "@/api/schema";

const part = encodeURIComponent;

export const actions = {
  interrupt: (id: string, body: InterruptRequest) =>
    call<InstanceRow>(`/instances/${part(id)}/interrupt`, { method: "POST", body }),
  terminate: (id: string) => call<InstanceRow>(`/instances/${part(id)}/terminate`, { method: "POST" }),
  launch: (body: LaunchRequest) => call<DeploymentRow>("/deployments", { method: "POST", body }),
  submitJob: (body: JobRequest) => call<JobPlan>("/jobs", { method: "POST", body }),
  stop: (name: string) => call<WorkloadRow>(`/workloads/${part(name)}/stop`, { method: "POST" }),
  setBudget: (scope: string, body: BudgetRequest) =>
    call<BudgetRow>(`/budgets/${part(scope)}`, { method: "PUT", body }),
  removeBudget: (scope: string) => call<void>(`/budgets/${part(scope)}`, { method: "DELETE" }),
  refreshCatalog: (body: RefreshRequest) => call<unknown>("/catalog/refresh", { method: "POST", body }),
} as const;
