import { actions } from "@/api/actions";
import type { ServicePlan } from "@/api/schema";
import { price } from "@/format/money";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { FIRST_SERVICE } from "@/pages/launch/file";
import { LaunchFile } from "@/pages/launch/LaunchFile";
import { PlanOffers } from "@/pages/launch/PlanNote";
import { Stat } from "@/parts/layout";
import { paths } from "@/paths";

export function LaunchService() {
  const { t } = useTranslation();
  return (
    <LaunchFile
      kind="service"
      first={FIRST_SERVICE}
      fileName="service.yaml"
      verb={t("launch.submitService")}
      ask={(file, dry_run) => actions.submitService({ file, dry_run })}
      pathOf={(made: ServicePlan) => paths.service(made.name)}
      show={(plan, old) => <Plan plan={plan} old={old} />}
    />
  );
}

function Plan({ plan, old }: { readonly plan: ServicePlan; readonly old: boolean }) {
  const { t } = useTranslation();
  const best = plan.offers[0];
  const hour = (usd: number | null) => (usd === null ? "–" : price(usd));
  return (
    <section className="plan" aria-label={t("launch.plan")} data-old={old}>
      {plan.updates ? <p className="note tone-warn">{t("launch.updates", { name: plan.name })}</p> : null}
      <dl className="stats">
        <Stat label={t("launch.least")} value={hour(plan.least_usd_per_hour)} note={t("launch.perHour")} />
        <Stat label={t("launch.most")} value={hour(plan.most_usd_per_hour)} note={t("launch.perHour")} />
        <Stat
          label={t("launch.perInstance")}
          value={plan.replicas_per_instance === null ? "–" : number(plan.replicas_per_instance)}
          note={t("launch.perInstanceNote")}
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
