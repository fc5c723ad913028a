/** An event in one line, from its own reason and figures. */
import type { TFunction } from "i18next";
import type { EventRow } from "@/api/schema";
import { bytes } from "@/format/bytes";
import { duration } from "@/format/time";

export function gist(event: EventRow, t: TFunction): string {
  if (event.kind === "deployment.log") return String(event.data.line ?? "");
  return [event.reason, ...figures(event.data, t)].filter(Boolean).join(" · ");
}

function figures(data: EventRow["data"], t: TFunction): string[] {
  const told: string[] = [];
  const number = (key: string, show: (value: number) => string) => {
    const value = data[key];
    if (typeof value === "number") told.push(show(value));
  };
  number("step", (step) => `${step}${typeof data.total === "number" ? `/${data.total}` : ""}`);
  number("files", (files) => t("snapshot.files", { count: files, files }));
  number("bytes", bytes);
  number("took_s", duration);
  number("boot_s", duration);
  number("notice_s", duration);
  number("price_usd_per_hour", (price) => `$${price.toFixed(4)}/h`);
  if (typeof data.replaces === "string") told.push(`${data.replaces} → ${data.instance}`);
  return told;
}
