/** The policies beside each other: what each cost, and what it ran when. */
import { useMemo } from "react";
import type { JobPolicyResult, JobSimulation, TimeSpan } from "@/api/schema";
import { usd } from "@/format/money";
import { number, percent } from "@/format/number";
import { duration } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { totals } from "@/pages/simulate/figures";
import { PolicyName } from "@/pages/simulate/Policies";
import { Badge } from "@/parts/Badge";
import { Card } from "@/parts/layout";
import type { Column } from "@/table/column";
import { DataTable } from "@/table/DataTable";

const KINDS = ["spot", "on_demand", "wait"] as const;
type Kind = (typeof KINDS)[number];
const isKind = (word: string): word is Kind => KINDS.some((kind) => kind === word);

export function JobResult({ result }: { readonly result: JobSimulation }) {
  const { t } = useTranslation();
  const columns = useColumns(result);
  return (
    <section className="plan" aria-label={t("simulate.result")}>
      <DataTable
        label={t("simulate.compared")}
        rows={result.policies}
        columns={columns}
        keyOf={(row) => row.policy}
        empty={null}
      />
      <Card
        title={t("simulate.overTime")}
        aside={<span className="quiet">{t("simulate.oneRun", { zone: result.zone })}</span>}
      >
        <div className="lanes">
          <ol>
            <Lane name={t("simulate.available")} spans={result.available} until={result.deadline_s} />
            {result.policies.map((policy) => (
              <Lane
                key={policy.policy}
                name={<PolicyName policy={policy.policy} />}
                spans={policy.spans}
                until={result.deadline_s}
              />
            ))}
          </ol>
          <div className="lane-axis num quiet">
            <span>0</span>
            <span>{t("simulate.deadlineAt", { time: duration(result.deadline_s) })}</span>
          </div>
          <ul className="legend">
            {KINDS.map((kind) => (
              <li key={kind}>
                <span className={`swatch span-${kind}`} aria-hidden />
                {t(`simulate.kind.${kind}`)}
              </li>
            ))}
          </ul>
        </div>
      </Card>
    </section>
  );
}

interface LaneProps {
  readonly name: React.ReactNode;
  readonly spans: readonly TimeSpan[];
  readonly until: number;
}

function Lane({ name, spans, until }: LaneProps) {
  const { t } = useTranslation();
  const sums = totals(spans);
  const heard = KINDS.filter((kind) => sums[kind]).map(
    (kind) => `${t(`simulate.kind.${kind}`)} ${duration(sums[kind] ?? 0)}`,
  );
  const share = (seconds: number) => `${(Math.min(seconds, until) / until) * 100}%`;
  return (
    <li className="lane lane-narrow">
      <span className="lane-name">{name}</span>
      <span className="lane-bar" role="img" aria-label={heard.join(", ")}>
        {spans.map((span) => (
          <span
            key={span.since_s}
            className={`span span-${span.what}`}
            style={{ left: share(span.since_s), width: `calc(${share(span.until_s)} - ${share(span.since_s)})` }}
            title={`${isKind(span.what) ? t(`simulate.kind.${span.what}`) : span.what} · ${duration(span.until_s - span.since_s)}`}
          />
        ))}
      </span>
    </li>
  );
}

function useColumns(result: JobSimulation): ReadonlyArray<Column<JobPolicyResult>> {
  const { t } = useTranslation();
  return useMemo(() => {
    const none = <span className="quiet">–</span>;
    const cheapest = Math.min(...result.policies.filter((row) => row.late === 0).map((row) => row.cost_usd));
    return [
      {
        id: "policy",
        label: t("simulate.column.policy"),
        value: (row) => row.policy,
        cell: (row) => (
          <strong>
            <PolicyName policy={row.policy} />
          </strong>
        ),
        width: "minmax(6rem, 1.2fr)",
      },
      {
        id: "cost_usd",
        label: t("jobs.cost"),
        value: (row) => row.cost_usd,
        cell: (row) => usd(row.cost_usd),
        width: "5.5rem",
        align: "end",
      },
      {
        id: "cost_over_on_demand",
        label: t("simulate.column.share"),
        value: (row) => row.cost_over_on_demand,
        cell: (row) => (row.cost_over_on_demand === null ? none : percent(row.cost_over_on_demand)),
        width: "7rem",
        align: "end",
        priority: 2,
      },
      {
        id: "bound_usd",
        label: t("simulate.column.bound"),
        value: (row) => row.bound_usd,
        cell: (row) => (row.bound_usd === null ? none : usd(row.bound_usd)),
        width: "7rem",
        align: "end",
        priority: 2,
      },
      {
        id: "interruptions",
        label: t("jobs.interruptions"),
        value: (row) => row.interruptions,
        cell: (row) => number(row.interruptions),
        width: "6.5rem",
        align: "end",
        priority: 2,
      },
      {
        id: "finished_s",
        label: t("simulate.column.finished"),
        value: (row) => row.finished_s,
        cell: (row) => (row.finished_s === null ? none : duration(row.finished_s)),
        width: "6rem",
        align: "end",
        priority: 2,
      },
      {
        id: "late",
        label: t("simulate.column.late"),
        value: (row) => row.late,
        cell: (row) =>
          row.late > 0 ? (
            <Badge tone="bad">{t("simulate.lateOf", { late: row.late, runs: row.runs })}</Badge>
          ) : (
            <Badge tone="good">{t(row.cost_usd === cheapest ? "simulate.cheapest" : "simulate.inTime")}</Badge>
          ),
        width: "7.5rem",
        align: "end",
      },
    ];
  }, [t, result]);
}
