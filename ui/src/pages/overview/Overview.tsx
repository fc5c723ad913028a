/** What matters at a glance: money, what runs, what is not safe yet, what was taken away and how fast it came back. */
import { useQuery } from "@tanstack/react-query";
import { Rocket } from "lucide-react";
import { Link } from "react-router";
import { queries } from "@/api/queries";
import { bytes } from "@/format/bytes";
import { price, usd } from "@/format/money";
import { percent } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { isRoutine } from "@/live/routine";
import { useTimeline } from "@/live/timeline";
import { Alerts } from "@/pages/overview/Alerts";
import { Interruptions } from "@/pages/overview/Interruptions";
import { Money } from "@/pages/overview/Money";
import { Regions } from "@/pages/overview/Regions";
import { Running } from "@/pages/overview/Running";
import { EventList } from "@/parts/EventList";
import { Card, Page, Stat } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { paths } from "@/paths";
import { INSTANCE_GROUP, isJobOver, isServiceOver } from "@/tone/life";

const LATEST = 12;
const SERVICES_MS = 5_000;

export function Overview() {
  const { t } = useTranslation();
  const cost = useQuery(queries.cost("workload"));
  const jobs = useQuery(queries.workloads());
  const instances = useQuery(queries.instances());
  const overview = useQuery(queries.overview());
  const services = useQuery({ ...queries.services(), refetchInterval: SERVICES_MS });
  const timeline = useTimeline();
  const total = cost.data?.total;
  const known = jobs.data?.filter((row) => row.kind === "job");
  const running = known?.filter((row) => !isJobOver(row.state));
  const living = instances.data?.filter((row) => INSTANCE_GROUP[row.state] !== "ended");
  const interrupted = living?.filter((row) => INSTANCE_GROUP[row.state] === "interrupted").length ?? 0;
  const serving = services.data?.filter((row) => !isServiceOver(row.state)).length;
  const unsafe = overview.data?.unsafe;
  const dirty = unsafe?.map((row) => row.dirty_bytes).filter((size) => size !== null);
  const latest = timeline?.rows
    .filter((event) => event.kind !== "deployment.log" && !isRoutine(event.kind))
    .slice(-LATEST);
  return (
    <Page
      title={t("nav.overview")}
      actions={
        <Link className="btn btn-primary" to={paths.launch()}>
          <Rocket size={15} aria-hidden />
          <span>{t("nav.launch")}</span>
        </Link>
      }
    >
      {cost.error ? <ProblemNote error={cost.error} /> : null}
      <dl className="stats stats-six">
        <Stat
          label={t("overview.spent")}
          value={total ? usd(total.spent_usd) : "–"}
          note={total ? t("overview.perHourNow", { price: price(total.per_hour_now_usd) }) : " "}
        />
        <Stat
          label={t("overview.saved")}
          value={<span className="saved">{total ? usd(total.saved_usd) : "–"}</span>}
          note={
            total && total.on_demand_usd > 0
              ? t("overview.savedShare", {
                  share: percent(total.saved_usd / total.on_demand_usd),
                  usd: usd(total.on_demand_usd),
                })
              : t("instance.againstOnDemand")
          }
        />
        <Stat
          label={t("overview.running")}
          value={running?.length ?? "–"}
          note={t("overview.ofJobs", { count: known?.length ?? 0 })}
        />
        <Stat
          label={t("nav.services")}
          value={serving ?? "–"}
          note={t("overview.ofServices", { count: services.data?.length ?? 0 })}
        />
        <Stat
          label={t("jobs.unsafe")}
          value={dirty === undefined ? "–" : bytes(dirty.reduce((sum, size) => sum + size, 0))}
          note={t("overview.unsafeJobs", { count: unsafe?.filter((row) => row.dirty_bytes !== 0).length ?? 0 })}
        />
        <Stat
          label={t("nav.instances")}
          value={living?.length ?? "–"}
          note={interrupted > 0 ? t("overview.interrupted", { count: interrupted }) : t("overview.allHealthy")}
        />
      </dl>
      <div className="columns columns-wide">
        <Money />
        <Regions instances={living} />
      </div>
      <Running jobs={running} />
      <div className="columns">
        <Interruptions recoveries={overview.data?.recoveries} />
        <Alerts />
      </div>
      <Card title={t("overview.latest")} flush aside={<Link to={paths.events()}>{t("overview.all")}</Link>}>
        <EventList events={latest} />
      </Card>
    </Page>
  );
}
