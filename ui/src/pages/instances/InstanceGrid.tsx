/** Instances as cards; only those in sight are drawn. */
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import type { TFunction } from "i18next";
import { memo, type ReactNode } from "react";
import { Link } from "react-router";
import type { InstanceRow } from "@/api/schema";
import { price, usd } from "@/format/money";
import { useTranslation } from "@/i18n/useTranslation";
import { InstanceBadge } from "@/parts/Badge";
import { paths } from "@/paths";
import { useOffset } from "@/table/useOffset";

const CARD_PX = 116;
const LEAST_WIDTH_PX = 240;
const GAP_PX = 12;
const OVERSCAN = 3;

export function InstanceGrid({ rows, empty }: { readonly rows: readonly InstanceRow[]; readonly empty: ReactNode }) {
  const { t } = useTranslation();
  const { body, offset, width } = useOffset<HTMLUListElement>();
  const across = Math.max(1, Math.floor((width + GAP_PX) / (LEAST_WIDTH_PX + GAP_PX)));
  const each = (width + GAP_PX) / across - GAP_PX;
  const lines = useWindowVirtualizer({
    count: Math.ceil(rows.length / across),
    estimateSize: () => CARD_PX,
    gap: GAP_PX,
    overscan: OVERSCAN,
    scrollMargin: offset,
  });
  return (
    <>
      <ul className="grid-cards" ref={body} style={{ height: lines.getTotalSize() }}>
        {lines
          .getVirtualItems()
          .flatMap((line) =>
            rows
              .slice(line.index * across, (line.index + 1) * across)
              .map((row, column) => (
                <Card
                  key={row.id}
                  row={row}
                  place={line.index * across + column + 1}
                  of={rows.length}
                  left={column * (each + GAP_PX)}
                  top={line.start - offset}
                  width={each}
                  t={t}
                />
              )),
          )}
      </ul>
      {rows.length === 0 ? empty : null}
    </>
  );
}

interface CardProps {
  readonly row: InstanceRow;
  readonly place: number;
  readonly of: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly t: TFunction;
}

const Card = memo(function Card({ row, place, of, left, top, width, t }: CardProps) {
  return (
    <li
      className="card mini"
      aria-posinset={place}
      aria-setsize={of}
      style={{ transform: `translate(${left}px, ${top}px)`, width, height: CARD_PX }}
    >
      <div className="row between">
        <Link className="row-link mono" to={paths.instance(row.id)}>
          {row.id}
        </Link>
        <InstanceBadge state={row.state} />
      </div>
      <div className="quiet cut">
        {row.type} · {row.zone} · {t(row.spot ? "offer.spot" : "offer.onDemand")}
      </div>
      <div className="row between num">
        <span>{t("offer.perHour", { price: price(row.price_usd_per_hour) })}</span>
        <span>{usd(row.cost_usd)}</span>
      </div>
      <div className="quiet cut">{row.workload ?? t("instances.bare")}</div>
    </li>
  );
});
