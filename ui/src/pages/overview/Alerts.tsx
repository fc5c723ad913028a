/** What a person should look at: warnings and failures that were told last, and price alerts that fired. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { BellRing } from "lucide-react";
import { Link } from "react-router";
import { queries } from "@/api/queries";
import { useTranslation } from "@/i18n/useTranslation";
import { isSeverity, SEVERITIES } from "@/pages/notifications/topic";
import { Age } from "@/parts/Age";
import { Badge } from "@/parts/Badge";
import { Bones, Card, Empty } from "@/parts/layout";
import { paths } from "@/paths";

const MOST = 5;

export function Alerts() {
  const { t } = useTranslation();
  const { data } = useInfiniteQuery(queries.notifications(""));
  const grave = data?.pages
    .flatMap((page) => page.rows)
    .filter((row) => row.severity === "warning" || row.severity === "failure");
  return (
    <Card title={t("overview.alerts")} flush aside={<Link to={paths.notifications()}>{t("overview.all")}</Link>}>
      {grave === undefined ? <Bones lines={MOST} /> : null}
      {grave?.length === 0 ? <Empty icon={<BellRing aria-hidden />} title={t("overview.noAlerts")} /> : null}
      <ul className="lines" aria-label={t("overview.alerts")}>
        {grave?.slice(0, MOST).map((row) => (
          <li key={row.seq} className="line">
            <Badge tone={isSeverity(row.severity) ? SEVERITIES[row.severity] : "quiet"}>
              {t(`notifications.severity.${isSeverity(row.severity) ? row.severity : "info"}`)}
            </Badge>
            <span className="line-name" title={row.text}>
              {row.title}
            </span>
            <span className="line-end quiet small">
              <Age at={row.at} />
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
