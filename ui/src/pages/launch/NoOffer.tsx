/** Why no offer fits, filter by filter, and what comes nearest. */
import { useQuery } from "@tanstack/react-query";
import { SearchX } from "lucide-react";
import type { Query } from "@/api/call";
import { queries } from "@/api/queries";
import { price } from "@/format/money";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Empty } from "@/parts/layout";

export function NoOffer({ query }: { readonly query: Query }) {
  const { t } = useTranslation();
  const { data } = useQuery(queries.explanation(query));
  return (
    <Empty icon={<SearchX aria-hidden />} title={t("launch.noOffer")}>
      {data?.removed.map((one) => (
        <span key={`${one.alternative}${one.filter}`} className="block">
          {t("offer.removed", { filter: `${one.filter} ${one.wish}`, count: one.count, offers: number(one.count) })}
        </span>
      ))}
      {data?.nearest.slice(0, 3).map((offer) => (
        <span key={offer.id} className="block num">
          {t("offer.nearest", { offer: offer.id, price: price(offer.price_usd_per_hour) })}
        </span>
      ))}
    </Empty>
  );
}
