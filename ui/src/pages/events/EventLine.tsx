import { memo } from "react";
import type { EventRow } from "@/api/schema";
import { clock, moment } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { gist } from "@/pages/events/gist";
import { kindOf } from "@/parts/TerraformLog";
import { EVENT_TONE } from "@/tone/tone";

interface EventLineProps {
  readonly event: EventRow;
  readonly place: number;
  readonly of: number;
  readonly top: number;
  readonly open: (event: EventRow) => void;
}

export const EventLine = memo(function EventLine({ event, place, of, top, open }: EventLineProps) {
  const { t } = useTranslation();
  const isLog = event.kind === "deployment.log";
  const text = gist(event, t);
  return (
    <article
      className={`moment tone-${EVENT_TONE[event.kind]}`}
      aria-posinset={place}
      aria-setsize={of}
      aria-label={`${event.kind} ${event.subject}`}
      style={{ transform: `translateY(${top}px)` }}
    >
      <button type="button" onClick={() => open(event)}>
        <time dateTime={event.at} title={moment(event.at)} className="num">
          {clock(event.at)}
        </time>
        <span className="dot" aria-hidden />
        <span className="moment-kind">{event.kind}</span>
        <span className="moment-subject mono">{event.subject}</span>
        <span
          className={isLog ? `moment-text mono term-${kindOf(text, String(event.data.level ?? ""))}` : "moment-text"}
        >
          {text}
        </span>
      </button>
    </article>
  );
});
