/** The policies beside each other, and the first of them over time with the reasons of its decisions. */
import { useMemo } from "react";
import type { ServicePolicyResult, ServiceSimulation } from "@/api/schema";
import { Lines } from "@/chart/Lines";
import { number, percent } from "@/format/number";
import { duration } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { PolicyName } from "@/pages/simulate/Policies";
import { Card, Stat } from "@/parts/layout";
import type { Column } from "@/table/column";
import { DataTable } from "@/table/DataTable";

const MOST_CHANGES = 60;

export function ServiceResult({
  result,
  capacity,
}: {
  readonly result: ServiceSimulation;
  /** Requests a second that one replica serves. */
  readonly capacity: number;
}) {
  const { t } = useTranslation();
  const columns = useColumns();
  const [first] = result.policies;
  const at = result.points.map((point) => point.t_s * 1000);
  const whole = (value: number) => number(Math.round(value * 10) / 10);
  return (
    <section className="plan" aria-label={t("simulate.result")}>
      <dl className="stats">
        <Stat label={t("simulate.requests")} value={number(result.requests)} note={duration(result.seconds)} />
        <Stat
          label={t("simulate.oracle")}
          value={whole(result.oracle_instance_hours)}
          note={t("simulate.oracleNote")}
        />
        <Stat
          label={t("simulate.mostReplicas")}
          value={first ? number(first.max_replicas) : "–"}
          note={first ? <PolicyName policy={first.policy} /> : " "}
        />
        <Stat
          label={t("simulate.mostInstances")}
          value={first ? number(first.max_instances) : "–"}
          note={first ? <PolicyName policy={first.policy} /> : " "}
        />
      </dl>
      <DataTable
        label={t("simulate.compared")}
        rows={result.policies}
        columns={columns}
        keyOf={(row) => row.policy}
        empty={null}
      />
      <Card title={t("simulate.overTime")} aside={first ? <PolicyName policy={first.policy} /> : null}>
        <Lines
          label={t("simulate.overTime")}
          at={at}
          sinceStart
          show={whole}
          lines={[
            {
              name: t("services.rate"),
              values: result.points.map((point) => point.requests_per_s),
              colour: "accent",
              filled: true,
            },
            {
              name: t("simulate.readyCapacity"),
              values: result.points.map((point) => point.ready_replicas * capacity),
              colour: "busy",
            },
            { name: t("nav.instances"), values: result.points.map((point) => point.instances), colour: "quiet" },
          ]}
        />
      </Card>
      <Card title={t("simulate.changes")} flush>
        <ol className="events" aria-label={t("simulate.changes")} tabIndex={0}>
          {result.changes.slice(0, MOST_CHANGES).map((change) => (
            <li key={change.t_s} className="event tone-quiet">
              <span className="num quiet">{duration(change.t_s)}</span>
              <span className="dot" aria-hidden />
              <span className="event-text" title={change.reason}>
                <span className="event-kind num">
                  {t("simulate.change", { replicas: change.replicas, instances: change.instances })}
                </span>{" "}
                <span className="quiet">{change.reason}</span>
              </span>
            </li>
          ))}
        </ol>
        {result.changes.length > MOST_CHANGES ? (
          <p className="hint pad">{t("simulate.moreChanges", { count: result.changes.length - MOST_CHANGES })}</p>
        ) : null}
      </Card>
    </section>
  );
}

function useColumns(): ReadonlyArray<Column<ServicePolicyResult>> {
  const { t } = useTranslation();
  return useMemo(() => {
    const figure = (id: keyof ServicePolicyResult & ("instance_hours" | "replica_hours" | "launches")) => ({
      id,
      label: t(`simulate.column.${id}`),
      value: (row: ServicePolicyResult) => row[id],
      cell: (row: ServicePolicyResult) => number(Math.round(row[id] * 100) / 100),
      width: "7rem",
      align: "end" as const,
    });
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
        id: "over_share",
        label: t("simulate.column.over"),
        value: (row) => row.over_share,
        cell: (row) => percent(row.over_share, 2),
        width: "7rem",
        align: "end",
        priority: 2,
      },
      {
        id: "late_share",
        label: t("simulate.column.waited"),
        value: (row) => row.late_share,
        cell: (row) => percent(row.late_share, 2),
        width: "7rem",
        align: "end",
      },
      figure("instance_hours"),
      { ...figure("replica_hours"), priority: 2 },
      { ...figure("launches"), priority: 2 },
    ];
  }, [t]);
}
