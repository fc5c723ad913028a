import { useQuery } from "@tanstack/react-query";
import { queries } from "@/api/queries";
import { Lines } from "@/chart/Lines";
import { usd } from "@/format/money";
import { useTranslation } from "@/i18n/useTranslation";
import { Bones } from "@/parts/layout";

export function Sums() {
  const { t } = useTranslation();
  const { data } = useQuery(queries.costSeries());
  if (!data) return <Bones lines={6} />;
  const points = data.points;
  return (
    <Lines
      label={t("overview.sums")}
      at={points.map((point) => Date.parse(point.at))}
      show={usd}
      lines={[
        { name: t("overview.onDemand"), values: points.map((point) => point.on_demand_usd), colour: "quiet" },
        { name: t("overview.spent"), values: points.map((point) => point.spent_usd), colour: "accent", filled: true },
      ]}
    />
  );
}
