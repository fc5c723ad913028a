/** A job or a service from its file, with a form beside it; the master checks both as one types. */
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { Rocket } from "lucide-react";
import { type ReactNode, useDeferredValue, useEffect, useState } from "react";
import { useNavigate } from "react-router";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import type { FileProblem } from "@/api/schema";
import { useReadOnly } from "@/api/session";
import { useTranslation } from "@/i18n/useTranslation";
import { Editor } from "@/pages/launch/Editor";
import { valueAt } from "@/pages/launch/file";
import { Wizard } from "@/pages/launch/Wizard";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const PAUSE_MS = 400;
const NO_PROBLEM: readonly FileProblem[] = [];

interface LaunchFileProps<Plan> {
  readonly kind: "job" | "service";
  /** What the editor holds at first. */
  readonly first: string;
  readonly fileName: string;
  readonly verb: string;
  readonly ask: (file: string, dryRun: boolean) => Promise<Plan>;
  readonly pathOf: (made: Plan) => string;
  readonly show: (plan: Plan, old: boolean, text: string) => ReactNode;
}

export function LaunchFile<Plan>({ kind, first, fileName, verb, ask, pathOf, show }: LaunchFileProps<Plan>) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const readOnly = useReadOnly();
  const draft = `kyc.draft.${kind}`; // what one wrote is still there after a reload
  const [text, setText] = useState(() => sessionStorage.getItem(draft) ?? first);
  useEffect(() => sessionStorage.setItem(draft, text), [draft, text]);
  const settled = useSettled(useDeferredValue(text));
  const schema = useQuery(queries.schema());
  const check = useQuery({
    queryKey: ["check", settled],
    queryFn: () => actions.checkFile({ file: settled }),
    placeholderData: keepPreviousData,
  });
  const plan = useQuery({
    queryKey: ["plan", kind, settled],
    queryFn: () => ask(settled, true),
    placeholderData: keepPreviousData,
    retry: false,
  });
  const submitting = useMutation({
    mutationFn: () => ask(text, false),
    onSuccess: (made) => {
      sessionStorage.removeItem(draft);
      navigate(pathOf(made));
    },
  });
  const why = readOnly ?? (plan.error ? t("launch.fix") : undefined);
  return (
    <>
      <div className="columns">
        <Card title={t("launch.form")}>
          <Wizard kind={kind} text={text} change={setText} />
        </Card>
        <Card title={t("launch.file")} flush aside={<span className="mono quiet">{fileName}</span>}>
          <Editor text={text} change={setText} problems={check.data?.problems ?? NO_PROBLEM} schema={schema.data} />
          <p className="hint pad">{t("launch.leave")}</p>
        </Card>
      </div>
      {plan.error ? <ProblemNote error={plan.error} /> : null}
      {valueAt(text, ["workdir"]) ? <p className="note tone-warn">{t("launch.workdir")}</p> : null}
      {plan.data ? show(plan.data, plan.isPlaceholderData || plan.isError, text) : null}
      {submitting.error ? <ProblemNote error={submitting.error} /> : null}
      <div className="row end">
        <Button
          kind="primary"
          icon={<Rocket size={15} aria-hidden />}
          busy={submitting.isPending}
          why={why}
          onClick={() => submitting.mutate()}
        >
          {verb}
        </Button>
      </div>
    </>
  );
}

/** The text once nobody has typed for a moment. */
function useSettled(text: string): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
