/** What is asked of the master. Each is one call; the events that follow show what came of it. */
import { call } from "@/api/call";
import type {
  AccountReport,
  AccountRequest,
  AlertRequest,
  AlertRow,
  BudgetRequest,
  BudgetRow,
  DeploymentRow,
  InstanceRow,
  InterruptedRow,
  InterruptRequest,
  JobPlan,
  JobRequest,
  LaunchRequest,
  NewToken,
  RefreshRequest,
  ServicePlan,
  ServiceRequest,
  ServiceRow,
  TokenRequest,
  TrialReport,
  TrialRequest,
  UserRequest,
  UserRow,
  WorkloadRow,
} from "@/api/schema";

const part = encodeURIComponent;

export const actions = {
  interrupt: (id: string, body: InterruptRequest) =>
    call<InterruptedRow>(`/instances/${part(id)}/interrupt`, { method: "POST", body }),
  terminate: (id: string) => call<InstanceRow>(`/instances/${part(id)}/terminate`, { method: "POST" }),
  launch: (body: LaunchRequest) => call<DeploymentRow>("/deployments", { method: "POST", body }),
  submitJob: (body: JobRequest) => call<JobPlan>("/jobs", { method: "POST", body }),
  stop: (name: string) => call<WorkloadRow>(`/workloads/${part(name)}/stop`, { method: "POST" }),
  rerun: (name: string) => call<WorkloadRow>(`/workloads/${part(name)}/rerun`, { method: "POST" }),
  stopService: (name: string) => call<ServiceRow>(`/services/${part(name)}/stop`, { method: "POST" }),
  tryService: (name: string, body: TrialRequest) =>
    call<TrialReport>(`/services/${part(name)}/test`, { method: "POST", body }),
  submitService: (body: ServiceRequest) => call<ServicePlan>("/services", { method: "POST", body }),
  addAlert: (body: AlertRequest) => call<AlertRow>("/alerts", { method: "POST", body }),
  removeAlert: (id: string) => call<void>(`/alerts/${part(id)}`, { method: "DELETE" }),
  addAccount: (cloud: string, name: string, body: AccountRequest) =>
    call<AccountReport>(`/clouds/${part(cloud)}/accounts/${part(name)}`, { method: "PUT", body }),
  checkAccount: (cloud: string, name: string) =>
    call<AccountReport>(`/clouds/${part(cloud)}/accounts/${part(name)}/check`, { method: "POST" }),
  removeAccount: (cloud: string, name: string) =>
    call<void>(`/clouds/${part(cloud)}/accounts/${part(name)}`, { method: "DELETE" }),
  addUser: (body: UserRequest) => call<UserRow>("/users", { method: "POST", body }),
  removeUser: (name: string) => call<void>(`/users/${part(name)}`, { method: "DELETE" }),
  addToken: (body: TokenRequest) => call<NewToken>("/tokens", { method: "POST", body }),
  removeToken: (id: string) => call<void>(`/tokens/${part(id)}`, { method: "DELETE" }),
  setBudget: (scope: string, body: BudgetRequest) =>
    call<BudgetRow>(`/budgets/${part(scope)}`, { method: "PUT", body }),
  removeBudget: (scope: string) => call<void>(`/budgets/${part(scope)}`, { method: "DELETE" }),
  refreshCatalog: (body: RefreshRequest) => call<unknown>("/catalog/refresh", { method: "POST", body }),
} as const;
