/** Real requests through the edge: how many each instance and replica answered, and whether any failed. */
import { useMutation } from "@tanstack/react-query";
import { Pause, Play, Send } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { actions } from "@/api/actions";
import type { ServiceDetail, TrialReply } from "@/api/schema";
import { useReadOnly } from "@/api/session";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { counted, isFailed } from "@/pages/services/trial";
import { Button } from "@/parts/Button";
import { Card, Meter } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { isServiceOver } from "@/tone/life";

const EACH_TIME = 10;
const PAUSE_MS = 300;

export function TestRequests({ service }: { readonly service: ServiceDetail }) {
  const { t } = useTranslation();
  const { name, state } = service.row;
  const readOnly = useReadOnly();
  const [path, setPath] = useState("/");
  const [replies, setReplies] = useState<readonly TrialReply[]>([]);
  const [goesOn, setGoesOn] = useState(false);
  const sending = useMutation({
    mutationFn: (count: number) => actions.tryService(name, { count, path, together: Math.min(4, count) }),
    onSuccess: (report) => setReplies((old) => [...old, ...report.replies]),
    onError: () => setGoesOn(false),
  });
  const send = useRef(sending.mutateAsync);
  send.current = sending.mutateAsync;
  useEffect(() => {
    if (!goesOn) return;
    let ended = false;
    const go = async () => {
      while (!ended) {
        await send.current(EACH_TIME);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    };
    go().catch(() => undefined); // onError has told it
    return () => {
      ended = true;
    };
  }, [goesOn]);
  const why = readOnly ?? (isServiceOver(state) ? t("services.over") : goesOn ? t("services.goesOn") : undefined);
  const failed = replies.filter(isFailed).length;
  const rows = counted(replies);
  return (
    <Card title={t("services.test")} aside={<span className="quiet">{t("services.testNote")}</span>}>
      <div className="tools">
        <label className="inline">
          <span>{t("services.path")}</span>
          <input className="input mono" value={path} onChange={(event) => setPath(event.target.value)} />
        </label>
        <Button icon={<Send size={14} aria-hidden />} why={why} onClick={() => sending.mutate(1)}>
          {t("services.send", { count: 1 })}
        </Button>
        <Button why={why} onClick={() => sending.mutate(EACH_TIME)}>
          {t("services.send", { count: EACH_TIME })}
        </Button>
        <Button
          icon={goesOn ? <Pause size={14} aria-hidden /> : <Play size={14} aria-hidden />}
          why={goesOn ? undefined : why}
          aria-pressed={goesOn}
          onClick={() => setGoesOn(!goesOn)}
        >
          {t(goesOn ? "services.pause" : "services.continuous")}
        </Button>
        <Button
          kind="ghost"
          why={replies.length > 0 ? undefined : t("services.nothingSent")}
          onClick={() => setReplies([])}
        >
          {t("services.clear")}
        </Button>
        <span className="num grow" role="status">
          {t("services.answered", { count: replies.length - failed, replies: number(replies.length - failed) })}
          {" · "}
          <span className={failed > 0 ? "text tone-bad" : "quiet"}>
            {t("services.failedCount", { count: failed, replies: number(failed) })}
          </span>
        </span>
      </div>
      {sending.error ? <ProblemNote error={sending.error} /> : null}
      <ul className="answers" aria-label={t("services.whoAnswered")}>
        {rows.map((row) => (
          <li key={row.replica}>
            <span className="mono">{row.replica}</span>
            <span className="mono quiet">{row.instance}</span>
            <Meter share={row.count / Math.max(1, replies.length)} tone="accent" label={row.replica} />
            <span className="num">{number(row.count)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
