/** What is read from the master: a query a subject. Events make them fresh (`live/freshen.ts`), never a page reload. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { ask, call, type Query } from "@/api/call";
import type {
  BudgetRow,
  CatalogReport,
  CloudRow,
  CostBy,
  CostReport,
  DeploymentRow,
  EventRow,
  Health,
  InstanceRow,
  OfferRow,
  SearchReport,
  SnapshotRow,
  WorkloadDetail,
  WorkloadRow,
} from "@/api/schema";

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
