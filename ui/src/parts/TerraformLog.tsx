/** Terraform's own lines, as they come. It stays at the end while one looks at the end. */
import { useLayoutEffect, useRef } from "react";
import type { EventRow } from "@/api/schema";
import { clock } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { Bones } from "@/parts/layout";

export function TerraformLog({ events }: { readonly events: readonly EventRow[] | undefined }) {
  const { t } = useTranslation();
  const lines = (events ?? []).filter((event) => event.kind === "deployment.log");
  const box = useFollowed(lines.length);
  if (!events) return <Bones />;
  if (lines.length === 0) return <p className="hint pad">{t("instance.noTerraform")}</p>;
  return (
    <div className="term" role="log" aria-label={t("instance.terraform")} tabIndex={0} ref={box}>
      {lines.map((event) => {
        const line = String(event.data.line ?? "");
        return (
          <div key={event.seq} className={`term-line term-${kindOf(line, String(event.data.level ?? ""))}`}>
            <time dateTime={event.at}>{clock(event.at)}</time>
            <span>{line}</span>
          </div>
        );
      })}
    </div>
  );
}

/** What a line of Terraform's is about, by its own words. */
export function kindOf(line: string, level: string): "error" | "warn" | "add" | "remove" | "done" | "plain" {
  if (level === "error" || line.startsWith("Error")) return "error";
  if (level === "warn") return "warn";
  if (/^(Apply|Destroy) complete!/.test(line)) return "done";
  if (/(Destruction complete|Destroying\.\.\.|Plan to delete)/.test(line)) return "remove";
  if (/(Creation complete|Creating\.\.\.|Plan to create)/.test(line)) return "add";
  return "plain";
}

export function useFollowed(count: number) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = () => {
      atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
    };
    element.addEventListener("scroll", look, { passive: true });
    return () => element.removeEventListener("scroll", look);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are what moves it
  useLayoutEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [count]);
  return box;
}
