/** Spent beside on demand: running sums on the first day, a pair of bars a day afterwards. */
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { queries } from "@/api/queries";
import { Bars } from "@/chart/Bars";
import { everyDay } from "@/chart/days";
import { usd } from "@/format/money";
import { useTranslation } from "@/i18n/useTranslation";
import { Bones, Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const LEAST_DAYS = 7;
const MOST_DAYS = 30;
const Sums = lazy(async () => ({ default: (await import("@/pages/overview/Sums")).Sums })); // the chart comes after the page

export function Money() {
  const { t } = useTranslation();
  const { data, error } = useQuery(queries.cost("day"));
  const spent = (data?.rows ?? []).map((day) => ({ name: day.name, value: day.spent_usd, beside: day.on_demand_usd }));
  const firstDay = spent.length === 1;
  return (
    <Card
      title={t(firstDay ? "overview.sums" : "overview.money")}
      aside={<span className="quiet">{t("overview.moneyNote")}</span>}
    >
      {error ? <ProblemNote error={error} /> : null}
      <div className="chart-room">
        {data === undefined ? <Bones lines={6} /> : null}
        {firstDay ? (
          <Suspense fallback={<Bones lines={6} />}>
            <Sums />
          </Suspense>
        ) : null}
        {data && !firstDay ? (
          <Bars
            label={t("overview.money")}
            rows={everyDay(spent, LEAST_DAYS, MOST_DAYS)}
            series={[t("overview.spent"), t("overview.onDemand")]}
            show={usd}
            empty={t("overview.noMoney")}
          />
        ) : null}
      </div>
    </Card>
  );
}
