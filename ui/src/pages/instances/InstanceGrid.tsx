import type { ReactNode } from "react";
import { Link } from "react-router";
import type { InstanceRow } from "@/api/schema";
import { price, usd } from "@/format/money";
import { useTranslation } from "@/i18n/useTranslation";
import { InstanceBadge } from "@/parts/Badge";
import { paths } from "@/paths";

const MOST = 200; // a grid is looked over; who searches uses the table

export function InstanceGrid({ rows, empty }: { readonly rows: readonly InstanceRow[]; readonly empty: ReactNode }) {
  const { t } = useTranslation();
  if (rows.length === 0) return empty;
  return (
    <>
      <ul className="grid-cards">
        {rows.slice(0, MOST).map((row) => (
          <li key={row.id} className="card mini">
            <div className="row between">
              <Link className="row-link mono" to={paths.instance(row.id)}>
                {row.id}
              </Link>
              <InstanceBadge state={row.state} />
            </div>
            <div className="quiet">
              {row.type} · {row.zone} · {t(row.spot ? "offer.spot" : "offer.onDemand")}
            </div>
            <div className="row between num">
              <span>{t("offer.perHour", { price: price(row.price_usd_per_hour) })}</span>
              <span>{usd(row.cost_usd)}</span>
            </div>
            <div className="quiet">{row.workload ?? t("instances.bare")}</div>
          </li>
        ))}
      </ul>
      {rows.length > MOST ? (
        <p className="hint">{t("instances.gridMost", { most: MOST, count: rows.length })}</p>
      ) : null}
    </>
  );
}
