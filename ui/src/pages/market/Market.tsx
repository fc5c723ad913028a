/** Spot prices now and over time beside the on-demand price, and the lines that people draw across them. */
import { useQuery } from "@tanstack/react-query";
import { ChartLine } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { type Market as OneMarket, queries } from "@/api/queries";
import type { OfferRow } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { ANY_OFFER, OfferFilters } from "@/pages/launch/OfferFilters";
import { useOfferColumns } from "@/pages/launch/offerColumns";
import { Alerts } from "@/pages/market/Alerts";
import { History } from "@/pages/market/History";
import { Bones, Card, Empty, Page } from "@/parts/layout";
import { ProblemNote, withCode } from "@/parts/Problem";
import { DataTable } from "@/table/DataTable";
import { ExportMenu } from "@/table/ExportMenu";
import { useShown } from "@/table/useShown";

const MOST = 500;

export function Market() {
  const { t } = useTranslation();
  const [wish, setWish] = useState(ANY_OFFER);
  const { spot: _, ...asked } = useDeferredValue(wish);
  const { data, error } = useQuery(queries.prices({ ...asked, limit: MOST }));
  const columns = useOfferColumns();
  const [shown, keep] = useShown<OfferRow>();
  const [chosen, choose] = useState<OneMarket | null>(null);
  const markets = marketsOf(data ?? []);
  const market = chosen ?? markets[0] ?? null;
  return (
    <Page
      title={t("nav.market")}
      note={t("market.note")}
      actions={<ExportMenu name="market" rows={shown} columns={columns} />}
    >
      {market ? (
        <div className="columns columns-wide">
          <Card
            title={t("market.history")}
            aside={
              <select
                className="select select-small"
                aria-label={t("market.which")}
                value={nameOf(market)}
                onChange={(event) => choose(markets.find((one) => nameOf(one) === event.target.value) ?? null)}
              >
                {markets.map((one) => (
                  <option key={nameOf(one)}>{nameOf(one)}</option>
                ))}
              </select>
            }
          >
            <History market={market} />
          </Card>
          <Alerts market={market} />
        </div>
      ) : null}
      <OfferFilters wish={wish} change={setWish} />
      {error ? <ProblemNote error={error} /> : null}
      <DataTable
        label={t("market.prices")}
        rows={data ?? []}
        columns={columns}
        keyOf={(offer) => offer.id}
        onShown={keep}
        empty={
          data ? (
            <Empty icon={<ChartLine aria-hidden />} title={t("market.none")}>
              {withCode(t("market.noneText"))}
            </Empty>
          ) : (
            <Bones lines={6} />
          )
        }
      />
    </Page>
  );
}

const nameOf = (market: OneMarket): string => `${market.cloud} / ${market.region} / ${market.type}`;

function marketsOf(offers: readonly OfferRow[]): OneMarket[] {
  const found = new Map(
    offers.map(({ cloud, region, type }) => [nameOf({ cloud, region, type }), { cloud, region, type }]),
  );
  return [...found.values()];
}
