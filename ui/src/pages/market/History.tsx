import { useQuery } from "@tanstack/react-query";
import { type Market, queries } from "@/api/queries";
import { type Line, Lines } from "@/chart/Lines";
import { price } from "@/format/money";
import { useTranslation } from "@/i18n/useTranslation";
import { aligned } from "@/pages/market/series";
import { Age } from "@/parts/Age";
import { Bones } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const COLOURS: ReadonlyArray<Line["colour"]> = ["accent", "busy", "warn", "bad"];

export function History({ market }: { readonly market: Market }) {
  const { t } = useTranslation();
  const { data, error } = useQuery(queries.history(market));
  if (error) return <ProblemNote error={error} />;
  if (!data) return <Bones lines={6} />;
  if (data.points.length === 0) return <p className="hint chart-empty">{t("market.noHistory")}</p>;
  const { at, zones } = aligned(data.points, Date.now());
  const lines: Line[] = zones.map(({ zone, values }, place) => ({
    name: zone === "*" ? market.region : zone,
    values,
    colour: COLOURS[place % COLOURS.length] ?? "accent",
    stepped: true,
  }));
  const list = data.on_demand_usd_per_hour;
  if (list !== null) lines.push({ name: t("offer.onDemand"), values: at.map(() => list), colour: "quiet" });
  return (
    <>
      <Lines label={t("market.history")} at={at} lines={lines} show={price} />
      <p className="hint">
        {t("market.since")} <Age at={data.recorded_since} />
      </p>
    </>
  );
}
