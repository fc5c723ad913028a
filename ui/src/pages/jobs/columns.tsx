import { useMemo } from "react";
import { Link } from "react-router";
import type { WorkloadRow } from "@/api/schema";
import { usd } from "@/format/money";
import { duration } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { Age, Until } from "@/parts/Age";
import { JobBadge } from "@/parts/Badge";
import { Meter } from "@/parts/layout";
import { paths } from "@/paths";
import type { Column } from "@/table/column";

export function useJobColumns(): ReadonlyArray<Column<WorkloadRow>> {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "name",
        label: t("jobs.name"),
        value: (row) => row.name,
        cell: (row) => (
          <Link className="row-link" to={paths.job(row.name)}>
            {row.name}
          </Link>
        ),
        width: "minmax(6rem, 1.4fr)",
      },
      {
        id: "state",
        label: t("jobs.state"),
        value: (row) => row.state,
        cell: (row) => <JobBadge state={row.state} />,
        width: "7.25rem",
      },
      {
        id: "progress",
        label: t("jobs.progress"),
        value: (row) => shareDone(row),
        cell: (row) => <Progress row={row} />,
        width: "minmax(8rem, 1fr)",
        priority: 2,
      },
      {
        id: "interruptions",
        label: t("jobs.interruptions"),
        value: (row) => row.interruptions,
        width: "6.5rem",
        align: "end",
        priority: 2,
      },
      {
        id: "unsafe_s",
        label: t("jobs.unsafe"),
        value: (row) => row.rpo_s,
        cell: (row) =>
          row.rpo_s === null ? (
            <span className="quiet">–</span>
          ) : row.rpo_s === 0 ? (
            t("jobs.safe")
          ) : (
            duration(row.rpo_s)
          ),
        width: "6.5rem",
        align: "end",
        priority: 3,
      },
      {
        id: "deadline_at",
        label: t("jobs.deadline"),
        value: (row) => row.deadline_at,
        cell: (row) => (row.deadline_at ? <Until at={row.deadline_at} /> : <span className="quiet">–</span>),
        width: "6.5rem",
        align: "end",
        priority: 3,
      },
      {
        id: "saved_usd",
        label: t("jobs.saved"),
        value: (row) => row.saved_usd,
        cell: (row) => usd(row.saved_usd),
        width: "6rem",
        align: "end",
        priority: 2,
      },
      {
        id: "cost_usd",
        label: t("jobs.cost"),
        value: (row) => row.cost_usd,
        cell: (row) => usd(row.cost_usd),
        width: "5.25rem",
        align: "end",
      },
      {
        id: "requested_at",
        label: t("jobs.submitted"),
        value: (row) => row.requested_at,
        cell: (row) => <Age at={row.requested_at} />,
        width: "6.5rem",
        align: "end",
        priority: 3,
      },
    ],
    [t],
  );
}

export function shareDone(row: WorkloadRow): number | null {
  if (row.state === "succeeded") return 1;
  return row.step !== null && row.step_total ? row.step / row.step_total : null;
}

function Progress({ row }: { readonly row: WorkloadRow }) {
  const { t } = useTranslation();
  const share = shareDone(row);
  if (share === null)
    return <span className="quiet">{row.step === null ? "–" : t("jobs.step", { step: row.step })}</span>;
  return (
    <span className="progress">
      <Meter
        share={share}
        tone={row.state === "succeeded" ? "good" : row.state === "failed" ? "bad" : "accent"}
        label={t("jobs.progress")}
      />
      <span className="num quiet">{row.step === null ? "" : `${row.step}/${row.step_total}`}</span>
    </span>
  );
}
