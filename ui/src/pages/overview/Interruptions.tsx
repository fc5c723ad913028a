import { ShieldCheck } from "lucide-react";
import { Link } from "react-router";
import type { RecoveryRow } from "@/api/schema";
import { duration } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { Age } from "@/parts/Age";
import { Badge } from "@/parts/Badge";
import { Bones, Card, Empty } from "@/parts/layout";
import { useWorkPath } from "@/parts/workPath";
import { paths } from "@/paths";

const MOST = 8;

export function Interruptions({ recoveries }: { readonly recoveries: readonly RecoveryRow[] | undefined }) {
  const { t } = useTranslation();
  const workPath = useWorkPath();
  const found = recoveries?.filter((one) => one.workload !== null);
  return (
    <Card title={t("overview.interruptions")} flush>
      {found === undefined ? <Bones lines={MOST} /> : null}
      {found?.length === 0 ? (
        <Empty icon={<ShieldCheck aria-hidden />} title={t("overview.noInterruptions")}>
          {t("overview.noInterruptionsText")}
        </Empty>
      ) : null}
      <ul className="lines" aria-label={t("overview.interruptions")}>
        {found?.slice(0, MOST).map((one) => (
          <li key={`${one.instance}${one.at}`} className="line">
            <Link className="row-link line-name" to={workPath(one.workload ?? "")}>
              {one.workload}
            </Link>
            <Link className="mono quiet small above" to={paths.instance(one.instance)}>
              {one.instance}
            </Link>
            <Outcome one={one} />
            <span className="line-end quiet small">
              <Age at={one.at} />
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Outcome({ one }: { readonly one: RecoveryRow }) {
  const { t } = useTranslation();
  if (one.to_resumed_s !== null)
    return <Badge tone="good">{t("recovery.back", { time: duration(one.to_resumed_s) })}</Badge>;
  if (one.ended) return <Badge tone="quiet">{t("recovery.ended")}</Badge>;
  return <Badge tone="warn">{t("recovery.running")}</Badge>;
}
