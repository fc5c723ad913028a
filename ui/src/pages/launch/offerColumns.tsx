import { useMemo } from "react";
import type { OfferRow } from "@/api/schema";
import { price } from "@/format/money";
import { percent } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Age } from "@/parts/Age";
import type { Column } from "@/table/column";

export function useOfferColumns(): ReadonlyArray<Column<OfferRow>> {
  const { t } = useTranslation();
  return useMemo(() => {
    const unknown = <span className="quiet">–</span>;
    return [
      {
        id: "type",
        label: t("offer.type"),
        value: (row) => row.type,
        cell: (row) => <strong>{row.type}</strong>,
        width: "minmax(5.75rem, 1fr)",
      },
      {
        id: "cloud",
        label: t("instances.cloud"),
        value: (row) => row.cloud,
        width: "minmax(3.5rem, .6fr)",
        priority: 2,
      },
      {
        id: "zone",
        label: t("offer.place"),
        value: (row) => (row.zone === "*" ? row.region : row.zone),
        width: "minmax(5.25rem, 1fr)",
      },
      {
        id: "kind",
        label: t("instances.kind"),
        value: (row) => (row.spot ? "spot" : "on-demand"),
        cell: (row) => t(row.spot ? "offer.spot" : "offer.onDemand"),
        width: "5.5rem",
        priority: 2,
      },
      {
        id: "vcpus",
        label: t("offer.vcpus"),
        value: (row) => row.vcpus || null,
        width: "3.5rem",
        align: "end",
        priority: 2,
      },
      {
        id: "memory_gib",
        label: t("offer.memory"),
        value: (row) => row.memory_gib || null,
        width: "4.5rem",
        align: "end",
        priority: 2,
      },
      {
        id: "gpu",
        label: t("offer.gpu"),
        value: (row) => (row.gpu ? `${row.gpu} × ${row.gpu_count}` : null),
        width: "minmax(4rem, .6fr)",
        align: "end",
        priority: 3,
      },
      {
        id: "price_usd_per_hour",
        label: t("instances.price"),
        value: (row) => row.price_usd_per_hour,
        cell: (row) => price(row.price_usd_per_hour),
        width: "4.75rem",
        align: "end",
      },
      {
        id: "saving",
        label: t("instances.saving"),
        value: (row) => row.saving,
        cell: (row) => (row.saving === null ? unknown : percent(row.saving)),
        width: "4rem",
        align: "end",
        priority: 2,
      },
      {
        id: "interruption_band",
        label: t("offer.band"),
        value: (row) => row.interruption_band,
        width: "5.5rem",
        align: "end",
        priority: 3,
      },
      {
        id: "priced_at",
        label: t("offer.age"),
        value: (row) => row.priced_at,
        cell: (row) => (
          <span className={row.stale ? "text tone-warn" : "quiet"} title={row.source}>
            <Age at={row.priced_at} />
          </span>
        ),
        width: "5rem",
        align: "end",
        priority: 3,
      },
    ];
  }, [t]);
}
