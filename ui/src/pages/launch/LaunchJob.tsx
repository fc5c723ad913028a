import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { Rocket } from "lucide-react";
import { useDeferredValue, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { actions } from "@/api/actions";
import { useReadOnly } from "@/api/session";
import { Editor } from "@/pages/launch/Editor";
import { FIRST_FILE, valueAt } from "@/pages/launch/file";
import { PlanNote } from "@/pages/launch/PlanNote";
import { Wizard } from "@/pages/launch/Wizard";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/layout";
import { ProblemNote, wordsOf } from "@/parts/Problem";
import { paths } from "@/paths";

const DRAFT = "kyc.draft"; // what one wrote is still there after a reload
const PAUSE_MS = 400;

export function LaunchJob() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const readOnly = useReadOnly();
  const [text, setText] = useState(() => sessionStorage.getItem(DRAFT) ?? FIRST_FILE);
  useEffect(() => sessionStorage.setItem(DRAFT, text), [text]);
  const settled = useSettled(useDeferredValue(text));
  const plan = useQuery({
    queryKey: ["plan", settled],
    queryFn: () => actions.submitJob({ file: settled, dry_run: true }),
    placeholderData: keepPreviousData,
    retry: false,
  });
  const submitting = useMutation({
    mutationFn: () => actions.submitJob({ file: text, dry_run: false }),
    onSuccess: (made) => {
      sessionStorage.removeItem(DRAFT);
      navigate(paths.job(made.name));
    },
  });
  const why = readOnly ?? (plan.error ? t("launch.fix") : undefined);
  return (
    <>
      <div className="columns">
        <Card title={t("launch.form")}>
          <Wizard text={text} change={setText} />
        </Card>
        <Card title={t("launch.file")} flush aside={<span className="mono quiet">job.yaml</span>}>
          <Editor text={text} change={setText} objection={plan.error ? wordsOf(plan.error).detail : null} />
        </Card>
      </div>
      {plan.error ? <ProblemNote error={plan.error} /> : null}
      {valueAt(text, ["workdir"]) ? <p className="note tone-warn">{t("launch.workdir")}</p> : null}
      {plan.data ? <PlanNote plan={plan.data} old={plan.isPlaceholderData || plan.isError} /> : null}
      {submitting.error ? <ProblemNote error={submitting.error} /> : null}
      <div className="row end">
        <Button
          kind="primary"
          icon={<Rocket size={15} aria-hidden />}
          busy={submitting.isPending}
          why={why}
          onClick={() => submitting.mutate()}
        >
          {t("launch.submit")}
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
