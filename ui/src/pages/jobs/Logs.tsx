/** What the work prints: followed live, searched, downloaded. Only the lines in sight are drawn. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { Download } from "lucide-react";
import { useDeferredValue, useLayoutEffect, useMemo, useRef, useState } from "react";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { useLogLines } from "@/live/useLogLines";
import { Button } from "@/parts/Button";
import { download } from "@/table/export";

const LINE_PX = 20;

export function Logs({ name }: { readonly name: string }) {
  const { t } = useTranslation();
  const lines = useLogLines(name);
  const [text, setText] = useState("");
  const [follows, setFollows] = useState(true);
  const wanted = useDeferredValue(text.toLowerCase());
  const shown = useMemo(
    () => (wanted ? lines.filter((line) => line.text.toLowerCase().includes(wanted)) : lines),
    [lines, wanted],
  );
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_PX,
    overscan: 20,
  });
  useLayoutEffect(() => {
    if (follows && shown.length > 0 && box.current) box.current.scrollTop = shown.length * LINE_PX;
  }, [follows, shown.length]);
  const save = () => download(`${name}.log`, lines.map((line) => `${line.text}\n`).join(""), "text/plain");
  return (
    <section className="card">
      <div className="tools pad">
        <input
          className="input grow"
          type="search"
          aria-label={t("logs.search")}
          placeholder={t("logs.search")}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <span className="quiet num">{t("logs.lines", { count: shown.length, lines: number(shown.length) })}</span>
        <label className="check">
          <input type="checkbox" checked={follows} onChange={(event) => setFollows(event.target.checked)} />
          {t("logs.follow")}
        </label>
        <Button
          size="small"
          icon={<Download size={14} aria-hidden />}
          why={lines.length > 0 ? undefined : t("logs.none")}
          onClick={save}
        >
          {t("action.download")}
        </Button>
      </div>
      <div
        className="term term-tall"
        role="log"
        aria-live="off"
        aria-label={t("job.tab.logs")}
        tabIndex={0}
        ref={box}
        onWheel={(event) => event.deltaY < 0 && setFollows(false)}
      >
        {lines.length === 0 ? <p className="term-note">{t("logs.none")}</p> : null}
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((item) => {
            const line = shown[item.index];
            return line ? (
              <div key={item.key} className="log-line" style={{ transform: `translateY(${item.start}px)` }}>
                <span className="log-attempt">{line.attempt}</span>
                <span>{line.text}</span>
              </div>
            ) : null;
          })}
        </div>
      </div>
    </section>
  );
}
