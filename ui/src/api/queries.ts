/** What is read from the master: a query a subject. Events make them fresh (`live/freshen.ts`), never a page reload. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { ask, call, type Query } from "@/api/call";
import { isRefusal } from "@/api/problem";
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
  DoctorReport,
  EventRow,
  Health,
  InstanceRow,
  MetricSeries,
  MigrationRow,
  NotificationPage,
  OfferRow,
  Overview,
  PriceHistory,
  SearchReport,
  ServiceDetail,
  ServiceRow,
  SnapshotDifference,
  SnapshotRow,
  StreamState,
  TargetRow,
  TokenRow,
  TopicRow,
  TraceRow,
  TrafficPoint,
  UserRow,
  WorkloadDetail,
  WorkloadRow,
} from "@/api/schema";
import { TELLING } from "@/live/freshen";

/** The part of a JSON Schema that an editor reads. */
export interface JsonSchema {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
}

/** One machine's spot price in one region. */
export interface Market {
  readonly cloud: string;
  readonly region: string;
  readonly type: string;
}

const TRAFFIC_MS = 1_500;
const RUNNING_COSTS_MS = 5_000; // costs and unsafe seconds grow without an event

/** So often, as long as it is not refused: what is not there is not asked for again and again. */
const every =
  (ms: number) =>
  (query: { readonly state: { readonly error: Error | null } }): number | false =>
    isRefusal(query.state.error) ? false : ms;

export const queries = {
  health: () => queryOptions({ queryKey: ["health"], queryFn: ({ signal }) => call<Health>("/health", { signal }) }),
  instances: () =>
    queryOptions({
      queryKey: ["instances"],
      queryFn: ({ signal }) => call<InstanceRow[]>("/instances", { query: { all: true }, signal }),
      refetchInterval: every(RUNNING_COSTS_MS),
    }),
  instance: (id: string) =>
    queryOptions({
      queryKey: ["instances", id],
      queryFn: ({ signal }) => call<InstanceRow>(`/instances/${encodeURIComponent(id)}`, { signal }),
      refetchInterval: every(RUNNING_COSTS_MS),
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
      refetchInterval: every(RUNNING_COSTS_MS),
    }),
  workload: (name: string) =>
    queryOptions({
      queryKey: ["workloads", name],
      queryFn: ({ signal }) => call<WorkloadDetail>(`/workloads/${encodeURIComponent(name)}`, { signal }),
      refetchInterval: every(RUNNING_COSTS_MS),
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
      refetchInterval: every(60_000),
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
      refetchInterval: every(TRAFFIC_MS),
    }),
  service: (name: string) =>
    queryOptions({
      queryKey: ["services", name],
      queryFn: ({ signal }) => call<ServiceDetail>(`/services/${encodeURIComponent(name)}`, { signal }),
      refetchInterval: every(TRAFFIC_MS),
    }),
  traffic: (name: string) =>
    queryOptions({
      queryKey: ["traffic", name],
      queryFn: ({ signal }) =>
        call<TrafficPoint[]>(`/services/${encodeURIComponent(name)}/traffic`, { query: { limit: 600 }, signal }),
      refetchInterval: every(TRAFFIC_MS),
    }),
  metrics: (id: string) =>
    queryOptions({
      queryKey: ["metrics", id],
      queryFn: ({ signal }) => call<MetricSeries>(`/instances/${encodeURIComponent(id)}/metrics`, { signal }),
      refetchInterval: every(RUNNING_COSTS_MS),
    }),
  costSeries: () =>
    queryOptions({
      queryKey: ["cost", "series"],
      queryFn: ({ signal }) => call<CostSeries>("/cost/series", { signal }),
      refetchInterval: every(RUNNING_COSTS_MS),
    }),
  prices: (query: Query) =>
    queryOptions({
      queryKey: ["offers", "spot", query],
      queryFn: ({ signal }) => call<OfferRow[]>("/market/prices", { query, signal }),
      placeholderData: keepPreviousData,
      refetchInterval: every(30_000),
    }),
  history: (market: Market) =>
    queryOptions({
      queryKey: ["offers", "history", market],
      queryFn: ({ signal }) => call<PriceHistory>("/market/history", { query: { ...market }, signal }),
      refetchInterval: every(30_000),
    }),
  alerts: () =>
    queryOptions({
      queryKey: ["alerts"],
      queryFn: ({ signal }) => call<AlertRow[]>("/alerts", { signal }),
      refetchInterval: every(15_000),
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
      refetchInterval: every(RUNNING_COSTS_MS),
    }),
  budgets: () =>
    queryOptions({ queryKey: ["budgets"], queryFn: ({ signal }) => call<BudgetRow[]>("/budgets", { signal }) }),
  overview: () =>
    queryOptions({
      queryKey: ["overview"],
      queryFn: ({ signal }) => call<Overview>("/overview", { signal }),
      refetchInterval: every(RUNNING_COSTS_MS),
    }),
  /** Of a topic, or of all; how much is unread stands on each page. */
  notifications: (topic: string) =>
    infiniteQueryOptions({
      queryKey: ["notifications", topic],
      queryFn: ({ pageParam, signal }) =>
        call<NotificationPage>("/notifications", { query: { topic, before: pageParam }, signal }),
      initialPageParam: null as number | null,
      getNextPageParam: (page) => page.before,
    }),
  targets: () =>
    queryOptions({
      queryKey: ["targets"],
      queryFn: ({ signal }) => call<TargetRow[]>("/notify/targets", { signal }),
      refetchInterval: every(15_000), // how many were sent, and what failed
    }),
  topics: () =>
    queryOptions({
      queryKey: ["topics"],
      queryFn: ({ signal }) => call<TopicRow[]>("/notify/topics", { signal }),
      staleTime: Number.POSITIVE_INFINITY,
    }),
  stream: () =>
    queryOptions({ queryKey: ["streams", "usual"], queryFn: ({ signal }) => call<StreamState>("/stream", { signal }) }),
  traces: () =>
    queryOptions({ queryKey: ["traces"], queryFn: ({ signal }) => call<TraceRow[]>("/simulate/traces", { signal }) }),
  schema: () =>
    queryOptions({
      queryKey: ["schema"],
      queryFn: ({ signal }) => call<JsonSchema>("/schema/workload", { signal }),
      staleTime: Number.POSITIVE_INFINITY,
    }),
  doctor: () =>
    queryOptions({ queryKey: ["doctor"], queryFn: ({ signal }) => call<DoctorReport>("/doctor", { signal }) }),
  migrations: () =>
    queryOptions({
      queryKey: ["streams", "moves"],
      queryFn: ({ signal }) => call<MigrationRow[]>("/stream/migrations", { signal }),
      refetchInterval: every(RUNNING_COSTS_MS),
    }),
  difference: (name: string, older: number, newer: number) =>
    queryOptions({
      queryKey: ["difference", name, older, newer],
      queryFn: ({ signal }) =>
        call<SnapshotDifference>(`/workloads/${encodeURIComponent(name)}/snapshots/diff`, {
          query: { older, newer },
          signal,
        }),
      staleTime: Number.POSITIVE_INFINITY, // snapshots never change
    }),
  /** What was told about one thing, routine aside: a long job's progress would push out all else. */
  about: (subject: string) =>
    queryOptions({
      queryKey: ["about", subject],
      queryFn: ({ signal }) => call<EventRow[]>("/events", { query: { subject, kind: TELLING, tail: 5_000 }, signal }),
    }),
} as const;
