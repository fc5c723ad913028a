import { age, duration, moment, secondsBetween } from "@/format/time";
import { useNow } from "@/format/useNow";
import { useTranslation } from "@/i18n/useTranslation";

const MINUTE_S = 60;

/** How long ago; the exact time on hover. */
export function Age({ at }: { readonly at: string | null }) {
  const { t } = useTranslation();
  const now = useNow();
  if (at === null) return <span className="quiet">–</span>;
  return (
    <time dateTime={at} title={moment(at)} className="num">
      {t("time.ago", { age: age(secondsBetween(at, now)) })}
    </time>
  );
}

/** How long until, in two units: what is left of two hours is not one; or how long it is past. */
export function Until({ at }: { readonly at: string }) {
  const now = useNow();
  const left = -secondsBetween(at, now);
  const { t } = useTranslation();
  const length = Math.abs(left) < MINUTE_S ? age : duration;
  return (
    <time dateTime={at} title={moment(at)} className="num">
      {left > 0 ? t("time.in", { age: length(left) }) : t("time.passed", { age: length(-left) })}
    </time>
  );
}
