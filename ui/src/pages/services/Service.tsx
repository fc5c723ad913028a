import { useQuery } from "@tanstack/react-query";
import { Square } from "lucide-react";
import { Link, useParams } from "react-router";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import type { ServiceDetail } from "@/api/schema";
import { usd } from "@/format/money";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Boxes } from "@/pages/services/Boxes";
import { TestRequests } from "@/pages/services/TestRequests";
import { Traffic } from "@/pages/services/Traffic";
import { ServiceBadge } from "@/parts/Badge";
import { Confirm } from "@/parts/Confirm";
import { EventList } from "@/parts/EventList";
import { Bones, Card, Page, Stat } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { paths } from "@/paths";
import { isServiceOver } from "@/tone/life";

export function Service() {
  const { name = "" } = useParams();
  const { data, error } = useQuery(queries.service(name));
  if (error)
    return (
      <Page title={name}>
        <ProblemNote error={error} />
      </Page>
    );
  if (!data)
    return (
      <Page title={name}>
        <Bones lines={8} />
      </Page>
    );
  return <Shown service={data} />;
}

function Shown({ service }: { readonly service: ServiceDetail }) {
  const { t } = useTranslation();
  const { row } = service;
  const events = useQuery(queries.about(row.name));
  const over = isServiceOver(row.state);
  return (
    <Page
      name={row.name}
      title={
        <span className="row">
          {row.name} <ServiceBadge state={row.state} />
        </span>
      }
      note={
        <>
          <Link to={paths.services()}>{t("nav.services")}</Link> ·{" "}
          <a className="mono" href={row.url} target="_blank" rel="noreferrer">
            {row.url}
          </a>
        </>
      }
      actions={
        <Confirm
          button={{
            children: t("job.stop"),
            icon: <Square size={14} aria-hidden />,
            why: over ? t("services.over") : undefined,
          }}
          title={t("job.stopTitle", { name: row.name })}
          verb={t("job.stop")}
          act={() => actions.stopService(row.name)}
        >
          <p>{t("services.stopText")}</p>
        </Confirm>
      }
    >
      <dl className="stats">
        <Stat
          label={t("services.replicas")}
          value={`${row.replicas_ready}/${row.replicas_wanted}`}
          note={t("services.between", { least: row.min_replicas, most: row.max_replicas })}
        />
        <Stat
          label={t("nav.instances")}
          value={`${row.instances_ready}/${row.instances_wanted}`}
          note={t("services.interrupted", { count: row.interruptions })}
        />
        <Stat
          label={t("services.rate")}
          value={row.requests_per_s === null ? "–" : number(row.requests_per_s)}
          note={t("services.failedNote", {
            failed: row.failed === null ? "–" : number(row.failed),
            requests: row.requests === null ? "–" : number(row.requests),
          })}
        />
        <Stat
          label={t("jobs.cost")}
          value={usd(row.cost_usd)}
          note={t("services.savedNote", { usd: usd(row.saved_usd) })}
        />
      </dl>
      <Card title={t("services.boxes")} aside={<span className="quiet">{service.decision?.reason ?? row.reason}</span>}>
        <Boxes service={service} />
      </Card>
      <TestRequests service={service} />
      <Traffic name={row.name} />
      <Card title={t("nav.events")} flush>
        <EventList events={events.data} />
      </Card>
    </Page>
  );
}
