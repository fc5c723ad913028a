import { useMemo } from "react";
import { Link } from "react-router";
import type { InstanceRow } from "@/api/schema";
import { price, saving, usd } from "@/format/money";
import { percent } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Age } from "@/parts/Age";
import { InstanceBadge } from "@/parts/Badge";
import { useWorkPath } from "@/parts/workPath";
import { paths } from "@/paths";
import type { Column } from "@/table/column";

export function useInstanceColumns(): ReadonlyArray<Column<InstanceRow>> {
  const { t } = useTranslation();
  const workPath = useWorkPath();
  return useMemo(
    () => [
      {
        id: "id",
        label: t("instances.id"),
        value: (row) => row.id,
        cell: (row) => (
          <Link className="row-link mono" to={paths.instance(row.id)}>
            {row.id}
          </Link>
        ),
        width: "minmax(5.5rem, 1fr)",
      },
      {
        id: "state",
        label: t("instances.state"),
        value: (row) => row.state,
        cell: (row) => <InstanceBadge state={row.state} />,
        width: "6.75rem",
      },
      {
        id: "cloud",
        label: t("instances.cloud"),
        value: (row) => row.cloud,
        width: "minmax(3.5rem, .5fr)",
        priority: 3,
      },
      { id: "type", label: t("instances.type"), value: (row) => row.type, width: "minmax(5rem, .8fr)", priority: 2 },
      { id: "zone", label: t("instances.zone"), value: (row) => row.zone, width: "minmax(5rem, .8fr)", priority: 2 },
      {
        id: "kind",
        label: t("instances.kind"),
        value: (row) => (row.spot ? "spot" : "on-demand"),
        cell: (row) => t(row.spot ? "offer.spot" : "offer.onDemand"),
        width: "5.25rem",
        priority: 3,
      },
      {
        id: "workload",
        label: t("instances.workload"),
        value: (row) => row.workload,
        cell: (row) =>
          row.workload ? (
            <Link className="above" to={workPath(row.workload)}>
              {row.workload}
            </Link>
          ) : (
            <span className="quiet">–</span>
          ),
        width: "minmax(6rem, 1fr)",
        priority: 2,
      },
      {
        id: "price_usd_per_hour",
        label: t("instances.price"),
        value: (row) => row.price_usd_per_hour,
        cell: (row) => price(row.price_usd_per_hour),
        width: "4.75rem",
        align: "end",
        priority: 2,
      },
      {
        id: "saving",
        label: t("instances.saving"),
        value: (row) => saving(row.price_usd_per_hour, row.on_demand_usd_per_hour),
        cell: (row) => {
          const share = saving(row.price_usd_per_hour, row.on_demand_usd_per_hour);
          return share === null ? <span className="quiet">–</span> : percent(share);
        },
        width: "4rem",
        align: "end",
        priority: 3,
      },
      {
        id: "cost_usd",
        label: t("instances.cost"),
        value: (row) => row.cost_usd,
        cell: (row) => usd(row.cost_usd),
        width: "4.75rem",
        align: "end",
      },
      {
        id: "started_at",
        label: t("instances.started"),
        value: (row) => row.started_at,
        cell: (row) => <Age at={row.started_at} />,
        width: "5.25rem",
        align: "end",
        priority: 3,
      },
    ],
    [t, workPath],
  );
}
