/** The one timeline: everything that happened, the newest first. Only the rows in sight are drawn. */
import { useQueryClient } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { Activity } from "lucide-react";
import { useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { EventRow } from "@/api/schema";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { isRoutine } from "@/live/routine";
import { loadOlder, useTimeline } from "@/live/timeline";
import { useEventColumns } from "@/pages/events/columns";
import { EventDetail } from "@/pages/events/EventDetail";
import { EventLine } from "@/pages/events/EventLine";
import { filtered, GROUPS, type Group, SINCE, type Since } from "@/pages/events/filter";
import { Button } from "@/parts/Button";
import { Bones, Empty, Page } from "@/parts/layout";
import { useAddress } from "@/parts/useAddress";
import { ExportMenu } from "@/table/ExportMenu";

const ROW_PX = 34;
const NEAR_END = 200;
const OVERSCAN = 6;

export function Events() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const timeline = useTimeline();
  const [group, setGroup] = useAddress<Group>("kind", "usual");
  const [since, setSince] = useAddress<Since>("since", "ever");
  const [text, setText] = useAddress("q", "");
  const [opened, open] = useState<EventRow | null>(null);
  const [reading, setReading] = useState(false);
  const wanted = useDeferredValue(text);
  const rows = useMemo(
    () => filtered(timeline?.rows ?? [], { group, since, text: wanted, now: Date.now() }),
    [timeline, group, since, wanted],
  );
  const hidden = useMemo(
    () => (group === "usual" ? (timeline?.rows ?? []).filter((row) => isRoutine(row.kind)).length : 0),
    [timeline, group],
  );
  const columns = useEventColumns();
  const { body, virtual, offset } = useNewestFirst(rows.length);
  const items = virtual.getVirtualItems();
  const lastInSight = items.at(-1)?.index ?? 0;
  const mayBeMore = timeline !== undefined && !timeline.whole;
  useEffect(() => {
    if (!mayBeMore || reading || lastInSight < rows.length - NEAR_END) return;
    setReading(true);
    loadOlder(client).finally(() => setReading(false));
  }, [client, mayBeMore, reading, lastInSight, rows.length]);
  return (
    <Page
      title={t("nav.events")}
      note={t("events.note")}
      actions={<ExportMenu name="events" rows={() => rows.toReversed()} columns={columns} />}
    >
      <div className="tools sticky">
        <input
          className="input grow"
          type="search"
          aria-label={t("events.search")}
          placeholder={t("events.search")}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <select
          className="select"
          aria-label={t("events.kind")}
          value={group}
          onChange={(event) => setGroup(event.target.value as Group)}
        >
          {GROUPS.map((id) => (
            <option key={id} value={id}>
              {t(`events.group.${id}`)}
            </option>
          ))}
        </select>
        <select
          className="select"
          aria-label={t("events.time")}
          value={since}
          onChange={(event) => setSince(event.target.value as Since)}
        >
          {Object.keys(SINCE).map((id) => (
            <option key={id} value={id}>
              {t(`events.since.${id as Since}`)}
            </option>
          ))}
        </select>
        <span className="quiet num count" aria-live="polite">
          {t("events.count", { count: rows.length, events: number(rows.length) })}
          {mayBeMore ? "+" : ""}
        </span>
        {hidden > 0 ? (
          <Button size="small" kind="ghost" onClick={() => setGroup("all")}>
            {t("events.showRoutine", { count: hidden, events: number(hidden) })}
          </Button>
        ) : null}
      </div>
      {timeline === undefined ? <Bones lines={8} /> : null}
      {timeline && rows.length === 0 && !mayBeMore ? (
        <Empty
          icon={<Activity aria-hidden />}
          title={t(timeline.rows.length > 0 ? "events.noneHere" : "events.none")}
          action={
            timeline.rows.length > 0 ? (
              <Button
                onClick={() => {
                  setGroup("all");
                  setSince("ever");
                  setText("");
                }}
              >
                {t("events.clear")}
              </Button>
            ) : undefined
          }
        >
          {timeline.rows.length > 0 ? null : t("events.noneText")}
        </Empty>
      ) : null}
      <div
        className="timeline"
        {...(rows.length > 0 ? { role: "feed", "aria-label": t("nav.events"), "aria-busy": reading } : {})}
        ref={body}
        style={{ height: virtual.getTotalSize() }}
      >
        {items.map((item) => {
          const event = rows[rows.length - 1 - item.index];
          return event ? (
            <EventLine
              key={event.seq}
              event={event}
              place={item.index + 1}
              of={rows.length}
              top={item.start - offset}
              open={open}
            />
          ) : null;
        })}
      </div>
      <EventDetail event={opened} close={() => open(null)} />
    </Page>
  );
}

/** Rows are counted from the newest; when some come in above, what one reads stays where it is. */
function useNewestFirst(count: number) {
  const body = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => setOffset((body.current?.getBoundingClientRect().top ?? 0) + window.scrollY), []);
  const before = useRef(count);
  useLayoutEffect(() => {
    const grown = count - before.current;
    before.current = count;
    if (grown > 0 && grown < NEAR_END && window.scrollY > offset) window.scrollBy(0, grown * ROW_PX);
  }, [count, offset]);
  const virtual = useWindowVirtualizer({ count, estimateSize: () => ROW_PX, overscan: OVERSCAN, scrollMargin: offset });
  return { body, virtual, offset };
}
