import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { queries } from "@/api/queries";
import type { InstanceRow } from "@/api/schema";
import { price, saving, usd } from "@/format/money";
import { percent } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Interrupt } from "@/pages/instances/Interrupt";
import { Metrics } from "@/pages/instances/Metrics";
import { Recovery } from "@/pages/instances/Recovery";
import { Terminate } from "@/pages/instances/Terminate";
import { Age, Until } from "@/parts/Age";
import { InstanceBadge } from "@/parts/Badge";
import { EventList } from "@/parts/EventList";
import { Bones, Card, Facts, Page, Stat } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { TerraformLog } from "@/parts/TerraformLog";
import { useWorkPath } from "@/parts/workPath";
import { paths } from "@/paths";

export function Instance() {
  const { id = "" } = useParams();
  const { data, error } = useQuery(queries.instance(id));
  if (error)
    return (
      <Page title={id}>
        <ProblemNote error={error} />
      </Page>
    );
  if (!data)
    return (
      <Page name={id} title={<span className="mono">{id}</span>}>
        <Bones lines={8} />
      </Page>
    );
  return <Shown row={data} />;
}

function Shown({ row }: { readonly row: InstanceRow }) {
  const { t } = useTranslation();
  const workPath = useWorkPath();
  const events = useQuery(queries.about(row.id));
  const terraform = useQuery(queries.about(row.deployment));
  const saved = saving(row.price_usd_per_hour, row.on_demand_usd_per_hour);
  return (
    <Page
      name={row.id}
      title={
        <span className="row">
          <span className="mono">{row.id}</span> <InstanceBadge state={row.state} />
        </span>
      }
      note={<Link to={paths.instances()}>{t("nav.instances")}</Link>}
      actions={
        <>
          <Interrupt row={row} />
          <Terminate row={row} />
        </>
      }
    >
      <dl className="stats">
        <Stat
          label={t("instances.price")}
          value={price(row.price_usd_per_hour)}
          note={t("instance.onDemand", { price: price(row.on_demand_usd_per_hour) })}
        />
        <Stat
          label={t("instances.saving")}
          value={saved === null ? "–" : percent(saved)}
          note={t("instance.againstOnDemand")}
        />
        <Stat label={t("instances.cost")} value={usd(row.cost_usd)} note={t("instance.soFar")} />
        <Stat
          label={t("instances.started")}
          value={<Age at={row.started_at} />}
          note={
            row.notice_deadline_at && !row.ended_at ? (
              <>
                {t("instance.takenAway")} <Until at={row.notice_deadline_at} />
              </>
            ) : row.ended_at ? (
              <>
                {t("instance.ended")} <Age at={row.ended_at} />
              </>
            ) : (
              t("instance.runs")
            )
          }
        />
      </dl>
      <Recovery row={row} />
      <Metrics id={row.id} ended={row.ended_at !== null} />
      <div className="columns">
        <Card title={t("instance.spec")}>
          <Facts
            rows={[
              [t("instances.type"), row.type],
              [t("instances.kind"), t(row.spot ? "offer.spot" : "offer.onDemand")],
              [t("instances.cloud"), row.cloud],
              [t("instance.place"), `${row.region} / ${row.zone}`],
              [
                t("instance.address"),
                row.address ? (
                  <span key="a" className="mono">
                    {row.address}
                  </span>
                ) : (
                  "–"
                ),
              ],
              [
                t("instance.providerId"),
                row.provider_id ? (
                  <span key="p" className="mono">
                    {row.provider_id}
                  </span>
                ) : (
                  "–"
                ),
              ],
              [
                t("instances.workload"),
                row.workload ? (
                  <Link key="w" to={workPath(row.workload)}>
                    {row.workload}
                  </Link>
                ) : (
                  t("instances.bare")
                ),
              ],
              [
                t("instance.deployment"),
                <span key="d" className="mono">
                  {row.deployment}
                </span>,
              ],
              ...(row.reason ? [[t("instance.why"), row.reason] as const] : []),
            ]}
          />
        </Card>
        <Card title={t("nav.events")} flush>
          <EventList events={events.data} />
        </Card>
      </div>
      <Card title={t("instance.terraform")} flush aside={<span className="mono quiet">{row.deployment}</span>}>
        <TerraformLog events={terraform.data} />
      </Card>
    </Page>
  );
}
