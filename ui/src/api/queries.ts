/** What is read from the master: a query a subject. Events make them fresh (`live/freshen.ts`), never a page reload. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { ask, call, type Query } from "@/api/call";
import type {
  AlertRow,
  BudgetRow,
  CatalogReport,
  CloudForm,
  CloudRow,
  CostBy,
  CostReport,
  CostSeries,
  DeploymentRow,
  EventRow,
  Health,
  InstanceRow,
  MetricSeries,
  OfferRow,
  PriceHistory,
  SearchReport,
  ServiceDetail,
  ServiceRow,
  SnapshotRow,
  TokenRow,
  TrafficPoint,
  UserRow,
  WorkloadDetail,
  WorkloadRow,
} from "@/api/schema";

/** One machine's spot price in one region. */
export interface Market {
  readonly cloud: string;
  readonly region: string;
  readonly type: string;
}

const TRAFFIC_MS = 1_500;
const RUNNING_COSTS_MS = 5_000; // costs and unsafe seconds grow without an event

export const queries = {
  health: () => queryOptions({ queryKey: ["health"], queryFn: ({ signal }) => call<Health>("/health", { signal }) }),
  instances: () =>
    queryOptions({
      queryKey: ["instances"],
      queryFn: ({ signal }) => call<InstanceRow[]>("/instances", { query: { all: true }, signal }),
      refetchInterval: RUNNING_COSTS_MS,
    }),
  instance: (id: string) =>
    queryOptions({
      queryKey: ["instances", id],
      queryFn: ({ signal }) => call<InstanceRow>(`/instances/${encodeURIComponent(id)}`, { signal }),
      refetchInterval: RUNNING_COSTS_MS,
    }),
  deployments: () =>
    queryOptions({
      queryKey: ["deployments"],
      queryFn: ({ signal }) => call<DeploymentRow[]>("/deployments", { signal }),
    }),
  workloads: () =>
    queryOptions({
      queryKey: ["workloads"],
      queryFn: ({ signal }) => call<WorkloadRow[]>("/workloads", { signal }),
      refetchInterval: RUNNING_COSTS_MS,
    }),
  workload: (name: string) =>
    queryOptions({
      queryKey: ["workloads", name],
      queryFn: ({ signal }) => call<WorkloadDetail>(`/workloads/${encodeURIComponent(name)}`, { signal }),
      refetchInterval: RUNNING_COSTS_MS,
    }),
  snapshots: (name: string) =>
    queryOptions({
      queryKey: ["snapshots", name],
      queryFn: ({ signal }) => call<SnapshotRow[]>(`/workloads/${encodeURIComponent(name)}/snapshots`, { signal }),
    }),
  offers: (query: Query) =>
    queryOptions({
      queryKey: ["offers", query],
      queryFn: async ({ signal }) => {
        const answer = await ask("/offers", { query, signal });
        const rows = (await answer.json()) as OfferRow[];
        return { rows, total: Number(answer.headers.get("X-Total-Count") ?? rows.length) };
      },
      placeholderData: keepPreviousData,
      refetchInterval: 60_000,
    }),
  explanation: (query: Query) =>
    queryOptions({
      queryKey: ["offers", "explanation", query],
      queryFn: ({ signal }) => call<SearchReport>("/offers/explanation", { query, signal }),
    }),
  services: () =>
    queryOptions({
      queryKey: ["services"],
      queryFn: ({ signal }) => call<ServiceRow[]>("/services", { signal }),
      refetchInterval: TRAFFIC_MS,
    }),
  service: (name: string) =>
    queryOptions({
      queryKey: ["services", name],
      queryFn: ({ signal }) => call<ServiceDetail>(`/services/${encodeURIComponent(name)}`, { signal }),
      refetchInterval: TRAFFIC_MS,
    }),
  traffic: (name: string) =>
    queryOptions({
      queryKey: ["traffic", name],
      queryFn: ({ signal }) =>
        call<TrafficPoint[]>(`/services/${encodeURIComponent(name)}/traffic`, { query: { limit: 600 }, signal }),
      refetchInterval: TRAFFIC_MS,
    }),
  metrics: (id: string) =>
    queryOptions({
      queryKey: ["metrics", id],
      queryFn: ({ signal }) => call<MetricSeries>(`/instances/${encodeURIComponent(id)}/metrics`, { signal }),
      refetchInterval: RUNNING_COSTS_MS,
    }),
  costSeries: () =>
    queryOptions({
      queryKey: ["cost", "series"],
      queryFn: ({ signal }) => call<CostSeries>("/cost/series", { signal }),
      refetchInterval: RUNNING_COSTS_MS,
    }),
  prices: (query: Query) =>
    queryOptions({
      queryKey: ["offers", "spot", query],
      queryFn: ({ signal }) => call<OfferRow[]>("/market/prices", { query, signal }),
      placeholderData: keepPreviousData,
      refetchInterval: 30_000,
    }),
  history: (market: Market) =>
    queryOptions({
      queryKey: ["offers", "history", market],
      queryFn: ({ signal }) => call<PriceHistory>("/market/history", { query: { ...market }, signal }),
      refetchInterval: 30_000,
    }),
  alerts: () =>
    queryOptions({
      queryKey: ["alerts"],
      queryFn: ({ signal }) => call<AlertRow[]>("/alerts", { signal }),
      refetchInterval: 15_000,
    }),
  forms: () =>
    queryOptions({
      queryKey: ["clouds", "forms"],
      queryFn: ({ signal }) => call<CloudForm[]>("/clouds/forms", { signal }),
    }),
  users: () =>
    queryOptions({ queryKey: ["people", "users"], queryFn: ({ signal }) => call<UserRow[]>("/users", { signal }) }),
  tokens: () =>
    queryOptions({ queryKey: ["people", "tokens"], queryFn: ({ signal }) => call<TokenRow[]>("/tokens", { signal }) }),
  catalog: () =>
    queryOptions({ queryKey: ["catalog"], queryFn: ({ signal }) => call<CatalogReport>("/catalog", { signal }) }),
  clouds: () =>
    queryOptions({ queryKey: ["clouds"], queryFn: ({ signal }) => call<CloudRow[]>("/clouds", { signal }) }),
  cost: (by: CostBy) =>
    queryOptions({
      queryKey: ["cost", by],
      queryFn: ({ signal }) => call<CostReport>("/cost", { query: { by }, signal }),
      refetchInterval: RUNNING_COSTS_MS,
    }),
  budgets: () =>
    queryOptions({ queryKey: ["budgets"], queryFn: ({ signal }) => call<BudgetRow[]>("/budgets", { signal }) }),
  about: (subject: string) =>
    queryOptions({
      queryKey: ["about", subject],
      queryFn: ({ signal }) => call<EventRow[]>("/events", { query: { subject, tail: 5_000 }, signal }),
    }),
} as const;
