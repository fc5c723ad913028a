/** The attempts over time, a lane each: where the job was, and what it did there. */
import { Link } from "react-router";
import type { AttemptRow, EventRow } from "@/api/schema";
import { clock, duration } from "@/format/time";
import { useNow } from "@/format/useNow";
import { useTranslation } from "@/i18n/useTranslation";
import { lanes, type Phase } from "@/pages/jobs/span";
import { AttemptBadge } from "@/parts/Badge";
import { paths } from "@/paths";

const PHASES: readonly Phase[] = ["preparing", "restoring", "waiting", "running", "flushing"];

export function Spans({
  attempts,
  events,
}: {
  readonly attempts: readonly AttemptRow[];
  readonly events: readonly EventRow[];
}) {
  const { t } = useTranslation();
  const now = useNow();
  const found = lanes(attempts, events, now);
  if (found.length === 0) return <p className="hint">{t("job.noAttempts")}</p>;
  const from = Math.min(...found.map((lane) => Date.parse(lane.attempt.created_at)));
  const to = Math.max(...found.flatMap((lane) => lane.spans.map((span) => span.to)), from + 1000);
  const place = (at: number) => `${((at - from) / (to - from)) * 100}%`;
  return (
    <div className="lanes">
      <ol>
        {found.map(({ attempt, spans }) => (
          <li key={attempt.id} className="lane">
            <span className="lane-name">
              <span className="num">#{attempt.number}</span>
              <Link className="mono" to={paths.instance(attempt.instance)}>
                {attempt.instance}
              </Link>
              <AttemptBadge state={attempt.state} />
            </span>
            <span
              className="lane-bar"
              role="img"
              aria-label={spans
                .map((span) => `${t(`job.phase.${span.phase}`)} ${duration((span.to - span.from) / 1000)}`)
                .join(", ")}
            >
              {spans.map((span) => (
                <span
                  key={`${span.phase}${span.from}`}
                  className={`span span-${span.phase}`}
                  style={{ left: place(span.from), width: `calc(${place(span.to)} - ${place(span.from)})` }}
                  title={`${t(`job.phase.${span.phase}`)} · ${duration((span.to - span.from) / 1000)}`}
                />
              ))}
            </span>
            <span className="lane-why quiet">{attempt.reason}</span>
          </li>
        ))}
      </ol>
      <div className="lane-axis num quiet">
        <span>{clock(new Date(from).toISOString())}</span>
        <span>{clock(new Date(to).toISOString())}</span>
      </div>
      <ul className="legend">
        {PHASES.map((phase) => (
          <li key={phase}>
            <span className={`swatch span-${phase}`} aria-hidden />
            {t(`job.phase.${phase}`)}
          </li>
        ))}
      </ul>
    </div>
  );
}
