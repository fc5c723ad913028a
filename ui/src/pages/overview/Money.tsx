import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { Bars } from "@/chart/Bars";
import { useFormat } from "@/format/useFormat";
import { Bones, Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const DAYS = 30;

export function Money() {
  const { t } = useTranslation();
  const { usd } = useFormat();
  const { data, error } = useQuery(queries.cost("day"));
  const days = data?.rows.slice(-DAYS) ?? [];
  return (
    <Card title={t("overview.money")} aside={<span className="quiet">{t("overview.moneyNote")}</span>}>
      {error ? <ProblemNote error={error} /> : null}
      {data ? (
        <Bars
          label={t("overview.money")}
          rows={days.map((day) => ({ name: day.name, value: day.spent_usd, beside: day.on_demand_usd }))}
          series={[t("overview.spent"), t("overview.onDemand")]}
          show={usd}
          empty={t("overview.noMoney")}
        />
      ) : (
        <Bones lines={6} />
      )}
    </Card>
  );
}
