/** How far it is, and how much of its deadline and its budget is used. Only what the job has is shown. */
import type { WorkloadRow } from "@/api/schema";
import { usd } from "@/format/money";
import { percent } from "@/format/number";
import { secondsBetween } from "@/format/time";
import { useNow } from "@/format/useNow";
import { useTranslation } from "@/i18n/useTranslation";
import { shareDone } from "@/pages/jobs/columns";
import { Until } from "@/parts/Age";
import { Card, Meter } from "@/parts/layout";

export function Gauges({ row }: { readonly row: WorkloadRow }) {
  const { t } = useTranslation();
  const now = useNow();
  const done = shareDone(row);
  const gauges = [];
  if (done !== null) {
    gauges.push({
      key: "progress",
      label: t("jobs.progress"),
      share: done,
      tone: row.state === "failed" ? "bad" : "accent",
      text: row.step === null ? percent(done) : t("job.stepOf", { step: row.step, total: row.step_total ?? row.step }),
    });
  }
  if (row.deadline_at && row.requested_at) {
    const end = row.ended_at ? Date.parse(row.ended_at) : now;
    const share = secondsBetween(row.requested_at, end) / secondsBetween(row.requested_at, row.deadline_at);
    gauges.push({
      key: "deadline",
      label: t("jobs.deadline"),
      share,
      tone: toneOf(share),
      text: <Until at={row.deadline_at} />,
    });
  }
  if (row.budget_usd !== null) {
    const share = row.budget_usd > 0 ? row.cost_usd / row.budget_usd : 1;
    gauges.push({
      key: "budget",
      label: t("job.budget"),
      share,
      tone: toneOf(share),
      text: t("job.spentOf", { spent: usd(row.cost_usd), limit: usd(row.budget_usd) }),
    });
  }
  if (gauges.length === 0) return null;
  return (
    <Card className="gauges">
      {gauges.map(({ key, label, share, tone, text }) => (
        <div key={key} className="gauge">
          <div className="row between">
            <span>{label}</span>
            <span className="num quiet">{text}</span>
          </div>
          <Meter share={share} tone={tone} label={label} />
        </div>
      ))}
    </Card>
  );
}

const toneOf = (share: number): string => (share >= 1 ? "bad" : share >= 0.8 ? "warn" : "accent");
