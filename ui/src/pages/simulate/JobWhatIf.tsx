import { useMutation } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { type FormEvent, useState } from "react";
import { actions } from "@/api/actions";
import type { SimulateJobRequest } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { Figure } from "@/pages/simulate/Figure";
import { amount } from "@/pages/simulate/figures";
import { JobResult } from "@/pages/simulate/JobResult";
import { Policies } from "@/pages/simulate/Policies";
import { TracePicker } from "@/pages/simulate/TracePicker";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const POLICIES = ["ours", "greedy", "uniform", "on-demand"] as const;
const HOUR_S = 3600;
const MINUTE_S = 60;
const FIGURES = ["work", "deadline", "overhead", "spot", "onDemand"] as const;
type Figures = Readonly<Record<(typeof FIGURES)[number], string>>;
const FIRST: Figures = { work: "24", deadline: "36", overhead: "10", spot: "", onDemand: "" };

/** `preset` fills the form with what is known of a job: its deadline in hours, its prices. */
export function JobWhatIf({ preset }: { readonly preset?: Partial<Figures> }) {
  const { t } = useTranslation();
  const [given, setGiven] = useState<Figures>({ ...FIRST, ...preset });
  const [trace, setTrace] = useState("");
  const [policies, setPolicies] = useState<readonly string[]>(POLICIES);
  const running = useMutation({ mutationFn: (request: SimulateJobRequest) => actions.simulateJob(request) });
  const read = { work_s: amount(given.work, HOUR_S), deadline_s: amount(given.deadline, HOUR_S) };
  const why = !trace
    ? t("simulate.traceFirst")
    : read.work_s === null || read.deadline_s === null
      ? t("simulate.figuresFirst")
      : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (why || read.work_s === null || read.deadline_s === null) return;
    running.mutate({
      trace,
      work_s: read.work_s,
      deadline_s: read.deadline_s,
      overhead_s: amount(given.overhead, MINUTE_S) ?? 0,
      policies: [...policies],
      zone: null,
      spot_usd_per_hour: amount(given.spot),
      on_demand_usd_per_hour: amount(given.onDemand),
    });
  };
  return (
    <>
      <form className="columns columns-loose" onSubmit={submit}>
        <Card title={t("simulate.recording")}>
          <TracePicker kind="job" chosen={trace} choose={setTrace} />
        </Card>
        <Card title={t("simulate.asked")}>
          <div className="wizard">
            <div className="pair">
              {FIGURES.map((key) => (
                <Figure
                  key={key}
                  label={t(`simulate.field.${key}`)}
                  value={given[key]}
                  change={(value) => setGiven({ ...given, [key]: value })}
                  wrong={given[key] !== "" && amount(given[key]) === null}
                />
              ))}
            </div>
            <Policies all={POLICIES} chosen={policies} choose={setPolicies} />
            <div className="row">
              <Button
                type="submit"
                kind="primary"
                icon={<Play size={14} aria-hidden />}
                busy={running.isPending}
                why={why}
              >
                {t("simulate.run")}
              </Button>
            </div>
          </div>
        </Card>
      </form>
      {running.error ? <ProblemNote error={running.error} /> : null}
      {running.data ? <JobResult result={running.data} /> : null}
    </>
  );
}
