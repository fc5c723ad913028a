/** Reads a snapshot back from the stream on request, and says whether all of it could be restored. */
import { useMutation } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { Progress, VerificationReport } from "@/api/schema";
import { verifySnapshot } from "@/api/verify";
import { bytes } from "@/format/bytes";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Button } from "@/parts/Button";
import { Meter } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const NOTHING: Progress = { done: 0, total: 0 };

/** The button, and what belongs below the snapshot's line: how far it is, then what was found. */
export function useVerify(name: string, sequence: number) {
  const { t } = useTranslation();
  const [progress, tell] = useState(NOTHING);
  const running = useRef(new AbortController());
  useEffect(() => {
    const ending = new AbortController();
    running.current = ending;
    return () => ending.abort();
  }, []);
  const verifying = useMutation({
    mutationFn: () => verifySnapshot(name, sequence, tell, running.current.signal),
    onMutate: () => tell(NOTHING),
  });
  const button = (
    <Button
      size="small"
      busy={verifying.isPending}
      icon={<ShieldCheck size={14} aria-hidden />}
      aria-label={t("snapshot.verifyThis", { sequence })}
      onClick={() => verifying.mutate()}
    >
      {t("snapshot.verify")}
    </Button>
  );
  const below = (
    <>
      {verifying.isPending ? (
        <div className="below">
          <Meter
            share={progress.total > 0 ? progress.done / progress.total : 0}
            tone="accent"
            label={t("snapshot.readBack", { done: number(progress.done), total: number(progress.total) })}
          />
        </div>
      ) : null}
      {verifying.data ? <Found report={verifying.data} /> : null}
      {verifying.error ? <ProblemNote error={verifying.error} /> : null}
    </>
  );
  return { button, below };
}

function Found({ report }: { readonly report: VerificationReport }) {
  const { t } = useTranslation();
  return (
    <div className={`note below tone-${report.ok ? "good" : "bad"}`} role="status">
      <strong>{t(report.ok ? "snapshot.whole" : "snapshot.notWhole")}</strong>
      {report.snapshots.map((one) => (
        <ul key={one.sequence}>
          <li>
            {one.unreadable ||
              t("snapshot.looked", {
                count: one.files,
                files: number(one.files),
                chunks: number(one.chunks),
                size: bytes(one.stored_bytes),
              })}
          </li>
          {one.damaged.map((file) => (
            <li key={file.path}>
              <span className="mono">{file.path}</span> {file.reason}
            </li>
          ))}
        </ul>
      ))}
    </div>
  );
}
