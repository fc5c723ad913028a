import { useMemo } from "react";
import { Link } from "react-router";
import type { ServiceRow } from "@/api/schema";
import { usd } from "@/format/money";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { ServiceBadge } from "@/parts/Badge";
import { paths } from "@/paths";
import type { Column } from "@/table/column";

export function useServiceColumns(): ReadonlyArray<Column<ServiceRow>> {
  const { t } = useTranslation();
  return useMemo(() => {
    const figure = (value: number | null) => (value === null ? <span className="quiet">–</span> : number(value));
    return [
      {
        id: "name",
        label: t("services.name"),
        value: (row) => row.name,
        cell: (row) => (
          <Link className="row-link" to={paths.service(row.name)}>
            {row.name}
          </Link>
        ),
        width: "minmax(5rem, 1fr)",
      },
      {
        id: "state",
        label: t("jobs.state"),
        value: (row) => row.state,
        cell: (row) => <ServiceBadge state={row.state} />,
        width: "7.25rem",
      },
      {
        id: "url",
        label: t("services.url"),
        value: (row) => row.url,
        cell: (row) => <span className="mono quiet small">{row.url}</span>,
        width: "minmax(9rem, 1.4fr)",
        priority: 3,
      },
      {
        id: "replicas",
        label: t("services.replicas"),
        value: (row) => row.replicas_ready,
        cell: (row) => `${row.replicas_ready}/${row.replicas_wanted}`,
        width: "5rem",
        align: "end",
      },
      {
        id: "instances",
        label: t("nav.instances"),
        value: (row) => row.instances_ready,
        cell: (row) => `${row.instances_ready}/${row.instances_wanted}`,
        width: "5.5rem",
        align: "end",
        priority: 2,
      },
      {
        id: "requests_per_s",
        label: t("services.rate"),
        value: (row) => row.requests_per_s,
        cell: (row) => figure(row.requests_per_s),
        width: "5.5rem",
        align: "end",
        priority: 2,
      },
      {
        id: "p95_ms",
        label: t("services.p95"),
        value: (row) => row.p95_ms,
        cell: (row) => figure(row.p95_ms),
        width: "5rem",
        align: "end",
        priority: 3,
      },
      {
        id: "failed",
        label: t("services.failed"),
        value: (row) => row.failed,
        cell: (row) => figure(row.failed),
        width: "4.5rem",
        align: "end",
        priority: 3,
      },
      {
        id: "cost_usd",
        label: t("jobs.cost"),
        value: (row) => row.cost_usd,
        cell: (row) => usd(row.cost_usd),
        width: "5.5rem",
        align: "end",
        priority: 2,
      },
    ];
  }, [t]);
}
