/** The true progress of an interruption: each step is ticked by the event that says so, with its time after the notice. */
import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { Check, CircleDashed, Minus } from "lucide-react";
import { Link } from "react-router";
import { queries } from "@/api/queries";
import type { EventRow, InstanceRow } from "@/api/schema";
import { duration, secondsBetween } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { Card } from "@/parts/layout";
import { paths } from "@/paths";
import { type Recovered, recoveries, STEPS, type Step } from "@/tone/recovery";

/** What followed is told of the instance, of its work and of the replacement: read all three. */
export function Recovery({ row }: { readonly row: InstanceRow }) {
  const own = useQuery(queries.about(row.id)).data;
  const work = useQuery({ ...queries.about(row.workload ?? ""), enabled: row.workload !== null }).data;
  const known = merged(own ?? [], work ?? []);
  const before = recoveries(known).find((one) => one.instance === row.id);
  const other = before?.replacement ?? null;
  const next = useQuery({ ...queries.about(other ?? ""), enabled: other !== null }).data;
  const found = recoveries(merged(known, next ?? [])).find((one) => one.instance === row.id);
  return found ? <RecoverySteps one={found} /> : null;
}

function merged(one: readonly EventRow[], other: readonly EventRow[]): EventRow[] {
  return [...one, ...other].sort((left, right) => left.seq - right.seq);
}

export function RecoverySteps({ one }: { readonly one: Recovered }) {
  const { t } = useTranslation();
  const killed = one.noticed.kind === "instance.lost";
  return (
    <Card
      title={t("recovery.title")}
      aside={
        <span className="quiet">
          {outcome(one, t)}
          {one.replacement ? (
            <>
              {" · "}
              <Link className="mono" to={paths.instance(one.replacement)}>
                {one.replacement}
              </Link>
            </>
          ) : null}
        </span>
      }
    >
      <ol className="steps">
        {STEPS.map((step) => (
          <StepLine key={step} step={step} one={one} skipped={killed && step === "flushed"} />
        ))}
      </ol>
    </Card>
  );
}

function outcome(one: Recovered, t: TFunction): string {
  if (one.tookS !== null) return t("recovery.took", { time: duration(one.tookS) });
  return t(one.ended ? "recovery.ended" : "recovery.running");
}

function StepLine({ step, one, skipped }: { readonly step: Step; readonly one: Recovered; readonly skipped: boolean }) {
  const { t } = useTranslation();
  const event = one.at[step];
  const state = event ? "done" : skipped || one.ended || one.tookS !== null ? "skipped" : "open";
  const Icon = state === "done" ? Check : state === "skipped" ? Minus : CircleDashed;
  const name =
    step === "noticed" && one.noticed.kind === "instance.lost" ? t("recovery.step.lost") : t(`recovery.step.${step}`);
  return (
    <li className="step" data-state={state}>
      <Icon size={15} aria-hidden />
      <span>{name}</span>
      <span className="num quiet">
        {event
          ? `+${duration(secondsBetween(one.noticed.at, event.at))}`
          : t(state === "skipped" ? "recovery.skipped" : "recovery.waiting")}
      </span>
    </li>
  );
}
