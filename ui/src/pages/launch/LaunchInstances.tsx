import { useQuery } from "@tanstack/react-query";
import { Rocket } from "lucide-react";
import { useDeferredValue, useMemo, useState } from "react";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import type { DeploymentRow, OfferRow } from "@/api/schema";
import { price } from "@/format/money";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Launched } from "@/pages/launch/Launched";
import { NoOffer } from "@/pages/launch/NoOffer";
import { ANY_OFFER, OfferFilters } from "@/pages/launch/OfferFilters";
import { useOfferColumns } from "@/pages/launch/offerColumns";
import { TerraformPlan } from "@/pages/launch/TerraformPlan";
import { Confirm } from "@/parts/Confirm";
import { Bones } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import type { Column } from "@/table/column";
import { DataTable } from "@/table/DataTable";

const MOST_OFFERS = 500;
const MOST_INSTANCES = 20;
const PLAN_LASTS_MS = 60_000;

export function LaunchInstances() {
  const { t } = useTranslation();
  const [wish, setWish] = useState(ANY_OFFER);
  const [launched, setLaunched] = useState<DeploymentRow | null>(null);
  const query = useDeferredValue({ ...wish, limit: MOST_OFFERS });
  const { data, error } = useQuery(queries.offers(query));
  const [band, setBand] = useState("");
  const bands = useMemo(() => bandsOf(data?.rows ?? []), [data]);
  const rows = useMemo(
    () => (data?.rows ?? []).filter((offer) => !band || offer.interruption_band === band),
    [data, band],
  );
  const columns = useOfferColumns();
  const all = useMemo(
    (): ReadonlyArray<Column<OfferRow>> => [
      ...columns,
      {
        id: "launch",
        label: t("offer.buy"),
        value: () => null,
        cell: (offer) => <Buy offer={offer} onMade={setLaunched} />,
        width: "min(6rem, 12vw)",
        align: "end",
      },
    ],
    [columns, t],
  );
  return (
    <>
      {launched ? <Launched deployment={launched} /> : null}
      <OfferFilters wish={wish} change={setWish}>
        <label className="inline">
          <span>{t("offer.band")}</span>
          <select className="select" value={band} onChange={(event) => setBand(event.target.value)}>
            <option value="">{t("offer.anyBand")}</option>
            {bands.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
      </OfferFilters>
      <p className="hint num" aria-live="polite">
        {data ? t("offer.count", { count: data.total, offers: number(data.total), shown: number(rows.length) }) : " "}
      </p>
      {error ? <ProblemNote error={error} /> : null}
      <DataTable
        label={t("launch.offers")}
        rows={rows}
        columns={all}
        keyOf={(offer) => offer.id}
        empty={data ? <NoOffer query={query} /> : error ? null : <Bones lines={6} />}
      />
    </>
  );
}

/** The providers' words for how often they take instances away, from seldom to often. */
function bandsOf(offers: readonly OfferRow[]): string[] {
  const words = new Set(offers.map((offer) => offer.interruption_band).filter((band) => band !== null));
  return [...words].sort(
    (one, other) => Number.parseFloat(one.replace("<", "")) - Number.parseFloat(other.replace("<", "")),
  );
}

interface BuyProps {
  readonly offer: OfferRow;
  readonly onMade: (made: DeploymentRow) => void;
}

function Buy({ offer, onMade }: BuyProps) {
  const { t } = useTranslation();
  const [count, setCount] = useState(1);
  const [open, setOpen] = useState(false);
  const wanted = useDeferredValue(count);
  const plan = useQuery({
    queryKey: ["launch-plan", offer.id, wanted],
    queryFn: () => actions.planLaunch({ offer: offer.id, count: wanted }),
    enabled: open,
    retry: false,
    staleTime: PLAN_LASTS_MS,
  });
  return (
    <Confirm
      button={{
        kind: "plain",
        size: "small",
        children: t("offer.launch"),
        icon: <Rocket size={13} aria-hidden />,
        "aria-label": t("offer.launchThis", { offer: offer.id }),
      }}
      tone="primary"
      title={t("offer.launchTitle", { type: offer.type })}
      verb={t("offer.launch")}
      why={plan.isFetching ? t("launch.planning") : undefined}
      onOpen={setOpen}
      act={async () => onMade(await actions.launch({ offer: offer.id, count }))}
    >
      <p>
        {t("offer.launchText", {
          place: `${offer.cloud} · ${offer.zone === "*" ? offer.region : offer.zone}`,
          price: price(offer.price_usd_per_hour * count),
        })}
      </p>
      <label className="field">
        <span>{t("offer.howMany")}</span>
        <input
          className="input input-narrow"
          type="number"
          min={1}
          max={MOST_INSTANCES}
          value={count}
          onChange={(event) => setCount(Math.max(1, Math.min(MOST_INSTANCES, event.target.valueAsNumber || 1)))}
        />
      </label>
      <TerraformPlan report={plan.data} error={plan.error} />
    </Confirm>
  );
}
