import { useInfiniteQuery } from "@tanstack/react-query";
import { BellOff } from "lucide-react";
import { Link } from "react-router";
import { queries } from "@/api/queries";
import type { NotificationRow } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { isSeverity, SEVERITIES, type Topic } from "@/pages/notifications/topic";
import { Age } from "@/parts/Age";
import { Badge } from "@/parts/Badge";
import { Button } from "@/parts/Button";
import { Bones, Card, Empty } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { useWorkPath } from "@/parts/workPath";
import { paths } from "@/paths";

export function NotificationList({ topic }: { readonly topic: Topic | null }) {
  const { t } = useTranslation();
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    queries.notifications(topic ?? ""),
  );
  if (error) return <ProblemNote error={error} />;
  if (!data) return <Bones lines={6} />;
  const rows = data.pages.flatMap((page) => page.rows);
  if (rows.length === 0) {
    return (
      <Empty icon={<BellOff aria-hidden />} title={t("notifications.none")}>
        {t("notifications.noneText")}
      </Empty>
    );
  }
  return (
    <Card flush>
      <ul className="lines" aria-label={t("notifications.title")}>
        {rows.map((row) => (
          <Line key={row.seq} row={row} />
        ))}
      </ul>
      {hasNextPage ? (
        <div className="pad">
          <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            {t("notifications.older")}
          </Button>
        </div>
      ) : null}
    </Card>
  );
}

function Line({ row }: { readonly row: NotificationRow }) {
  const { t } = useTranslation();
  const severity = isSeverity(row.severity) ? row.severity : "info";
  return (
    <li className="line told" data-read={row.read}>
      <Badge tone={SEVERITIES[severity]}>{t(`notifications.severity.${severity}`)}</Badge>
      <div className="told-text">
        <strong>{row.title}</strong>
        {row.text ? <p className="quiet">{row.text}</p> : null}
      </div>
      <span className="line-end quiet small">
        {row.read ? null : <span className="told-new">{t("notifications.new")}</span>}
        <SubjectLink subject={row.subject} />
        <Age at={row.at} />
      </span>
    </li>
  );
}

/** What an event is about leads to its page, where it has one. */
function SubjectLink({ subject }: { readonly subject: string }) {
  const workPath = useWorkPath();
  const path = subject.startsWith("i-")
    ? paths.instance(subject)
    : /^[a-z0-9][a-z0-9-]*$/.test(subject)
      ? workPath(subject)
      : null;
  if (path === null) return <span className="mono">{subject}</span>;
  return (
    <Link className="mono" to={path}>
      {subject}
    </Link>
  );
}
