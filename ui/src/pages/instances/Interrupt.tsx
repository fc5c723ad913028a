/** Take an instance away as its provider would, and see what becomes of it, step by step, from the events themselves. */
import { Zap } from "lucide-react";
import { useState } from "react";
import { actions } from "@/api/actions";
import type { InstanceRow } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { Confirm } from "@/parts/Confirm";
import { isInterruptible } from "@/tone/life";

const NOTICES = [120, 30, 10, 0] as const;

export function Interrupt({ row }: { readonly row: InstanceRow }) {
  const { t } = useTranslation();
  const [notice, setNotice] = useState<number>(30);
  const why = isInterruptible(row)
    ? undefined
    : row.provider_id === null
      ? t("instance.notYet")
      : t("instance.overAlready");
  return (
    <Confirm
      button={{ kind: "danger", children: t("instance.interrupt"), icon: <Zap size={15} aria-hidden />, why }}
      title={t("instance.interruptTitle", { id: row.id })}
      verb={t("instance.interrupt")}
      act={() => actions.interrupt(row.id, { notice_s: notice })}
    >
      <p>{t(row.workload ? "instance.interruptWork" : "instance.interruptBare", { workload: row.workload ?? "" })}</p>
      <fieldset className="radios">
        <legend>{t("instance.notice")}</legend>
        {NOTICES.map((seconds) => (
          <label key={seconds} className="radio">
            <input type="radio" name="notice" checked={notice === seconds} onChange={() => setNotice(seconds)} />
            {seconds === 0 ? t("instance.noNotice") : t("instance.noticeSeconds", { seconds })}
          </label>
        ))}
      </fieldset>
    </Confirm>
  );
}
