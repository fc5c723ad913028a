import { ShieldCheck } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { duration } from "@/format/time";
import type { Timeline } from "@/live/timeline";
import { Age } from "@/parts/Age";
import { Badge } from "@/parts/Badge";
import { Bones, Card, Empty } from "@/parts/layout";
import { paths } from "@/paths";
import { recoveries } from "@/tone/recovery";

const MOST = 8;

export function Interruptions({ timeline }: { readonly timeline: Timeline | undefined }) {
  const { t } = useTranslation();
  const found = useMemo(() => recoveries(timeline?.rows ?? []), [timeline]);
  return (
    <Card title={t("overview.interruptions")} flush>
      {timeline === undefined ? <Bones /> : null}
      {timeline && found.length === 0 ? (
        <Empty icon={<ShieldCheck aria-hidden />} title={t("overview.noInterruptions")}>
          {t("overview.noInterruptionsText")}
        </Empty>
      ) : null}
      <ul className="lines">
        {found.slice(0, MOST).map((one) => (
          <li key={one.noticed.seq} className="line">
            <Link className="row-link line-name" to={paths.job(one.workload)}>
              {one.workload}
            </Link>
            <span className="mono quiet small">{one.instance}</span>
            {one.tookS === null ? (
              <Badge tone="warn">{t("recovery.running")}</Badge>
            ) : (
              <Badge tone="good">{t("recovery.back", { time: duration(one.tookS) })}</Badge>
            )}
            <span className="line-end quiet small">
              <Age at={one.noticed.at} />
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
