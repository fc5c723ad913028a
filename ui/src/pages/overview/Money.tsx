import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { Bars } from "@/chart/Bars";
import { everyDay } from "@/chart/days";
import { useFormat } from "@/format/useFormat";
import { Bones, Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const LEAST_DAYS = 7;
const MOST_DAYS = 30;

export function Money() {
  const { t } = useTranslation();
  const { usd } = useFormat();
  const { data, error } = useQuery(queries.cost("day"));
  const spent = (data?.rows ?? []).map((day) => ({ name: day.name, value: day.spent_usd, beside: day.on_demand_usd }));
  return (
    <Card title={t("overview.money")} aside={<span className="quiet">{t("overview.moneyNote")}</span>}>
      {error ? <ProblemNote error={error} /> : null}
      {data ? (
        <Bars
          label={t("overview.money")}
          rows={everyDay(spent, LEAST_DAYS, MOST_DAYS)}
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
