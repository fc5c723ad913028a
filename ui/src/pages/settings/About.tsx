import { useMutation, useQuery } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import { useReadOnly } from "@/api/session";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Age } from "@/parts/Age";
import { Badge } from "@/parts/Badge";
import { Button } from "@/parts/Button";
import { Bones, Card, Facts } from "@/parts/layout";
import { ProblemNote, withCode } from "@/parts/Problem";

export function About() {
  const { t } = useTranslation();
  const readOnly = useReadOnly();
  const health = useQuery(queries.health());
  const catalog = useQuery(queries.catalog());
  const refreshing = useMutation({ mutationFn: () => actions.refreshCatalog({}) });
  return (
    <div className="columns columns-loose">
      <Card title={t("settings.master")}>
        {health.data ? (
          <Facts
            rows={[
              [t("settings.version"), health.data.version],
              [
                t("settings.id"),
                <span key="i" className="mono">
                  {health.data.master_id}
                </span>,
              ],
              [t("settings.up"), <Age key="u" at={health.data.started_at} />],
              [t("settings.process"), health.data.pid],
            ]}
          />
        ) : (
          <Bones />
        )}
      </Card>
      <Doctor />
      <Card
        title={t("settings.prices")}
        aside={
          <Button
            size="small"
            icon={<RefreshCw size={13} aria-hidden />}
            busy={refreshing.isPending}
            why={readOnly}
            onClick={() => refreshing.mutate()}
          >
            {t("settings.refresh")}
          </Button>
        }
      >
        {refreshing.error ? <ProblemNote error={refreshing.error} /> : null}
        <p className="hint num">
          {catalog.data ? t("settings.rows", { count: catalog.data.rows, rows: number(catalog.data.rows) }) : " "}
        </p>
        <Facts
          rows={(catalog.data?.feeds ?? []).map((feed) => [
            feed.name,
            <span key={feed.name}>
              <Badge tone={feed.state === "failed" ? "bad" : feed.fetched_at ? "good" : "quiet"}>{feed.state}</Badge>{" "}
              {feed.fetched_at ? <Age at={feed.fetched_at} /> : null} <span className="quiet">{feed.failure}</span>
            </span>,
          ])}
        />
      </Card>
    </div>
  );
}

/** What works on the master's machine, and what to do about the rest. */
function Doctor() {
  const { t } = useTranslation();
  const { data, error, refetch, isFetching } = useQuery(queries.doctor());
  return (
    <Card
      title={t("settings.doctor")}
      aside={
        <Button
          size="small"
          icon={<RefreshCw size={13} aria-hidden />}
          busy={isFetching}
          onClick={() => void refetch()}
        >
          {t("settings.check")}
        </Button>
      }
    >
      {error ? <ProblemNote error={error} /> : null}
      {data ? null : <Bones lines={6} />}
      <ul className="alerts small" aria-label={t("settings.doctor")}>
        {data?.checks.map((row) => (
          <li key={row.name}>
            <div className="row between">
              <strong>{row.name}</strong>
              <Badge tone={row.ok ? "good" : row.needed ? "bad" : "quiet"}>
                {t(row.ok ? "settings.works" : row.needed ? "settings.broken" : "settings.notNeeded")}
              </Badge>
            </div>
            <span className="quiet">{row.found}</span>
            {row.ok ? null : <p>{withCode(row.advice)}</p>}
          </li>
        ))}
      </ul>
    </Card>
  );
}
