import { useMutation } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { type FormEvent, useState } from "react";
import { actions } from "@/api/actions";
import type { SimulateServiceRequest } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { Figure } from "@/pages/simulate/Figure";
import { amount } from "@/pages/simulate/figures";
import { Policies } from "@/pages/simulate/Policies";
import { ServiceResult } from "@/pages/simulate/ServiceResult";
import { TracePicker } from "@/pages/simulate/TracePicker";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const POLICIES = ["ours", "hpa70", "kpa70", "static"] as const;
const FIGURES = ["capacity", "scale", "perInstance", "replicaStart", "instanceStart"] as const;
type Figures = Readonly<Record<(typeof FIGURES)[number], string>>;
const FIRST: Figures = { capacity: "5", scale: "1", perInstance: "4", replicaStart: "2", instanceStart: "60" };

export function ServiceWhatIf() {
  const { t } = useTranslation();
  const [given, setGiven] = useState(FIRST);
  const [trace, setTrace] = useState("");
  const [policies, setPolicies] = useState<readonly string[]>(POLICIES);
  const running = useMutation({ mutationFn: (request: SimulateServiceRequest) => actions.simulateService(request) });
  const request = requestOf(trace, given, policies);
  const why = !trace ? t("simulate.traceFirst") : request === null ? t("simulate.figuresFirst") : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (request) running.mutate(request);
  };
  return (
    <>
      <form className="columns columns-loose" onSubmit={submit}>
        <Card title={t("simulate.recording")}>
          <TracePicker kind="service" chosen={trace} choose={setTrace} />
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
                  wrong={amount(given[key]) === null}
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
      {running.data ? <ServiceResult result={running.data} capacity={running.variables.capacity_rps} /> : null}
    </>
  );
}

function requestOf(trace: string, given: Figures, policies: readonly string[]): SimulateServiceRequest | null {
  const [capacity_rps, scale] = [amount(given.capacity), amount(given.scale)];
  const whole = [given.perInstance, given.replicaStart, given.instanceStart].map((text) => amount(text));
  const [replicas_per_instance, replica_start_s, instance_start_s] = whole.map((value) => value && Math.round(value));
  if (!trace || !capacity_rps || !scale || !replicas_per_instance || !replica_start_s || !instance_start_s) return null;
  return {
    trace,
    capacity_rps,
    scale,
    replicas_per_instance,
    replica_start_s,
    instance_start_s,
    policies: [...policies],
  };
}
