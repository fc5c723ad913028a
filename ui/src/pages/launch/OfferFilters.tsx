import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { queries } from "@/api/queries";
import type { OfferOrder } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";

export interface OfferWish {
  readonly cloud: string;
  readonly region: string;
  readonly cpus: string;
  readonly memory: string;
  readonly gpu: string;
  readonly max_price: string;
  readonly spot: "" | "true" | "false";
  readonly sort: OfferOrder;
}

export const ANY_OFFER: OfferWish = {
  cloud: "",
  region: "",
  cpus: "",
  memory: "",
  gpu: "",
  max_price: "",
  spot: "",
  sort: "price",
};
const TEXTS = [
  { key: "cpus", example: "4+" },
  { key: "memory", example: "16+" },
  { key: "gpu", example: "A100:1" },
  { key: "max_price", example: "0.50" },
] as const;
const ORDERS: readonly OfferOrder[] = ["price", "value", "risk"];

export function OfferFilters({
  wish,
  change,
  children,
}: {
  readonly wish: OfferWish;
  readonly change: (wish: OfferWish) => void;
  readonly children?: ReactNode;
}) {
  const { t } = useTranslation();
  const { data } = useQuery(queries.catalog());
  const coverage = data?.coverage ?? [];
  const clouds = [...new Set(coverage.map((row) => row.cloud))].sort();
  const regions = [
    ...new Set(coverage.filter((row) => !wish.cloud || row.cloud === wish.cloud).map((row) => row.region)),
  ].sort();
  return (
    <fieldset className="filters" aria-label={t("offer.filters")}>
      <select
        className="select"
        aria-label={t("instances.cloud")}
        value={wish.cloud}
        onChange={(event) => change({ ...wish, cloud: event.target.value, region: "" })}
      >
        <option value="">{t("offer.anyCloud")}</option>
        {clouds.map((cloud) => (
          <option key={cloud}>{cloud}</option>
        ))}
      </select>
      <select
        className="select"
        aria-label={t("offer.region")}
        value={wish.region}
        onChange={(event) => change({ ...wish, region: event.target.value })}
      >
        <option value="">{t("offer.anyRegion")}</option>
        {regions.map((region) => (
          <option key={region}>{region}</option>
        ))}
      </select>
      <select
        className="select"
        aria-label={t("instances.kind")}
        value={wish.spot}
        onChange={(event) => change({ ...wish, spot: event.target.value as OfferWish["spot"] })}
      >
        <option value="">{t("offer.anyKind")}</option>
        <option value="true">{t("offer.spot")}</option>
        <option value="false">{t("offer.onDemand")}</option>
      </select>
      {TEXTS.map(({ key, example }) => (
        <label key={key} className="inline">
          <span>{t(`offer.wish.${key}`)}</span>
          <input
            className="input input-narrow"
            placeholder={example}
            value={wish[key]}
            onChange={(event) => change({ ...wish, [key]: event.target.value })}
          />
        </label>
      ))}
      <label className="inline">
        <span>{t("offer.sort")}</span>
        <select
          className="select"
          value={wish.sort}
          onChange={(event) => change({ ...wish, sort: event.target.value as OfferOrder })}
        >
          {ORDERS.map((order) => (
            <option key={order} value={order}>
              {t(`offer.order.${order as "price"}`)}
            </option>
          ))}
        </select>
      </label>
      {children}
    </fieldset>
  );
}
