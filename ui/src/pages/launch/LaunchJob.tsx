import { FlaskConical } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { actions } from "@/api/actions";
import type { JobPlan } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { FIRST_JOB, hoursOf, valueAt } from "@/pages/launch/file";
import { LaunchFile } from "@/pages/launch/LaunchFile";
import { PlanNote } from "@/pages/launch/PlanNote";
import { Button } from "@/parts/Button";
import { Bones } from "@/parts/layout";
import { paths } from "@/paths";

const JobWhatIf = lazy(async () => ({ default: (await import("@/pages/simulate/JobWhatIf")).JobWhatIf }));

export function LaunchJob() {
  const { t } = useTranslation();
  return (
    <LaunchFile
      kind="job"
      first={FIRST_JOB}
      fileName="job.yaml"
      verb={t("launch.submit")}
      ask={(file, dry_run) => actions.submitJob({ file, dry_run })}
      pathOf={(made: JobPlan) => paths.job(made.name)}
      show={(plan, old, text) => (
        <>
          <PlanNote plan={plan} old={old} />
          <WhatIf plan={plan} text={text} />
        </>
      )}
    />
  );
}

/** What the job would cost by each policy, on a recording, at the prices of its best offer. */
function WhatIf({ plan, text }: { readonly plan: JobPlan; readonly text: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const best = plan.offers.find((offer) => offer.spot) ?? plan.offers[0];
  const deadline = hoursOf(valueAt(text, ["deadline"]));
  const preset = {
    ...(deadline ? { deadline: String(deadline), work: String(Math.round(deadline * 7) / 10) } : {}),
    ...(best ? { spot: String(best.price_usd_per_hour) } : {}),
    ...(best?.on_demand_usd_per_hour ? { onDemand: String(best.on_demand_usd_per_hour) } : {}),
  };
  return (
    <section className="plan" aria-label={t("launch.whatIf")}>
      <div className="row">
        <Button aria-expanded={open} icon={<FlaskConical size={15} aria-hidden />} onClick={() => setOpen(!open)}>
          {t("launch.whatIf")}
        </Button>
        <span className="hint">{t("launch.whatIfNote")}</span>
      </div>
      {open ? (
        <Suspense fallback={<Bones lines={6} />}>
          <JobWhatIf key={JSON.stringify(preset)} preset={preset} />
        </Suspense>
      ) : null}
    </section>
  );
}
