/** What the file means, before anything is bought: the cost, what was not understood, and the offers in order. */
import type { JobPlan, OfferRow } from "@/api/schema";
import { price } from "@/format/money";
import { percent } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { useOfferColumns } from "@/pages/launch/offerColumns";
import { Empty, Stat } from "@/parts/layout";
import { DataTable } from "@/table/DataTable";

export function PlanNote({ plan, old }: { readonly plan: JobPlan; readonly old: boolean }) {
  const { t } = useTranslation();
  const best = plan.offers[0];
  return (
    <section className="plan" aria-label={t("launch.plan")} data-old={old}>
      <dl className="stats">
        <Stat
          label={t("launch.expected")}
          value={plan.expected_usd_per_hour === null ? "–" : price(plan.expected_usd_per_hour)}
          note={t("launch.perHour")}
        />
        <Stat
          label={t("launch.workHour")}
          value={plan.expected_usd_per_work_hour === null ? "–" : price(plan.expected_usd_per_work_hour)}
          note={t("launch.workHourNote")}
        />
        <Stat
          label={t("instances.saving")}
          value={best?.saving == null ? "–" : percent(best.saving)}
          note={t("instance.againstOnDemand")}
        />
        <Stat
          label={t("launch.first")}
          value={best ? best.type : "–"}
          note={best ? `${best.cloud} · ${best.zone}` : " "}
        />
      </dl>
      <PlanOffers warnings={plan.warnings} offers={plan.offers} />
    </section>
  );
}

interface PlanOffersProps {
  readonly warnings: readonly string[];
  readonly offers: readonly OfferRow[];
}

/** What was not understood, and the offers in the order in which they are taken. */
export function PlanOffers({ warnings, offers }: PlanOffersProps) {
  const { t } = useTranslation();
  const columns = useOfferColumns();
  return (
    <>
      {warnings.map((warning) => (
        <p key={warning} className="note tone-warn">
          {warning}
        </p>
      ))}
      <DataTable
        label={t("launch.offers")}
        rows={offers}
        columns={columns}
        keyOf={(offer) => offer.id}
        empty={<Empty title={t("launch.noOffer")}>{t("launch.noOfferText")}</Empty>}
      />
    </>
  );
}
