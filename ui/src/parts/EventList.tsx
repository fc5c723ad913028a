/** A short timeline about one thing, the newest first. */
import type { EventRow } from "@/api/schema";
import { clock, moment } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { Bones } from "@/parts/layout";
import { EVENT_TONE } from "@/tone/tone";

const MOST = 200;

export function EventList({ events }: { readonly events: readonly EventRow[] | undefined }) {
  const { t } = useTranslation();
  if (!events) return <Bones />;
  const told = events.filter((event) => event.kind !== "deployment.log");
  if (told.length === 0) return <p className="hint pad">{t("events.noneYet")}</p>;
  return (
    <ol className="events" aria-label={t("nav.events")} tabIndex={0}>
      {told
        .slice(-MOST)
        .reverse()
        .map((event) => (
          <li key={event.seq} className={`event tone-${EVENT_TONE[event.kind]}`}>
            <time dateTime={event.at} title={moment(event.at)} className="num quiet">
              {clock(event.at)}
            </time>
            <span className="dot" aria-hidden />
            <span className="event-text">
              <span className="event-kind">{event.kind}</span>
              {event.reason ? <span className="quiet"> {event.reason}</span> : null}
            </span>
          </li>
        ))}
    </ol>
  );
}
