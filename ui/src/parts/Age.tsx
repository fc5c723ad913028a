import { useTranslation } from "react-i18next";
import { age, secondsBetween } from "@/format/time";
import { useFormat } from "@/format/useFormat";
import { useNow } from "@/format/useNow";

/** How long ago; the exact time on hover. */
export function Age({ at }: { readonly at: string | null }) {
  const { t } = useTranslation();
  const { moment } = useFormat();
  const now = useNow();
  if (at === null) return <span className="quiet">–</span>;
  return (
    <time dateTime={at} title={moment(at)} className="num">
      {t("time.ago", { age: age(secondsBetween(at, now)) })}
    </time>
  );
}

/** How long until; null once it has passed. */
export function Until({ at }: { readonly at: string }) {
  const { moment } = useFormat();
  const now = useNow();
  const left = -secondsBetween(at, now);
  const { t } = useTranslation();
  return (
    <time dateTime={at} title={moment(at)} className="num">
      {left > 0 ? t("time.in", { age: age(left) }) : t("time.passed", { age: age(-left) })}
    </time>
  );
}
