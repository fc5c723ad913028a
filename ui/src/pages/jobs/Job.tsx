import { useQuery } from "@tanstack/react-query";
import { RotateCcw, Square, Zap } from "lucide-react";
import { Link, useNavigate, useParams } from "react-router";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import type { WorkloadDetail } from "@/api/schema";
import { usd } from "@/format/money";
import { duration } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { Interrupt } from "@/pages/instances/Interrupt";
import { Recovery } from "@/pages/instances/Recovery";
import { Gauges } from "@/pages/jobs/Gauges";
import { Logs } from "@/pages/jobs/Logs";
import { Placement } from "@/pages/jobs/Placement";
import { Snapshots } from "@/pages/jobs/Snapshots";
import { Spans } from "@/pages/jobs/Spans";
import { JobBadge } from "@/parts/Badge";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { EventList } from "@/parts/EventList";
import { Bones, Card, Page, Stat } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { Tabs } from "@/parts/Tabs";
import { useAddress } from "@/parts/useAddress";
import { paths } from "@/paths";
import { isJobOver } from "@/tone/life";

type TabId = "logs" | "snapshots" | "events" | "file";
const TABS: readonly TabId[] = ["logs", "snapshots", "events", "file"];

export function Job() {
  const { name = "" } = useParams();
  const { data, error } = useQuery(queries.workload(name));
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
  return <Shown job={data} />;
}

function Shown({ job }: { readonly job: WorkloadDetail }) {
  const { t } = useTranslation();
  const { row } = job;
  const [tab, setTab] = useAddress<TabId>("tab", "logs");
  const events = useQuery(queries.about(row.name));
  return (
    <Page
      name={row.name}
      title={
        <span className="row">
          {row.name} <JobBadge state={row.state} />
        </span>
      }
      note={
        <>
          <Link to={paths.jobs()}>{t("nav.jobs")}</Link>
          {row.reason ? ` · ${row.reason}` : ""}
        </>
      }
      actions={
        <>
          <InterruptJob job={job} />
          <Rerun name={row.name} />
          <Stop job={job} />
        </>
      }
    >
      <dl className="stats">
        <Stat
          label={t("jobs.cost")}
          value={usd(row.cost_usd)}
          note={row.forecast_usd === null ? t("job.noForecast") : t("job.forecast", { usd: usd(row.forecast_usd) })}
        />
        <Stat label={t("jobs.saved")} value={usd(row.saved_usd)} note={t("instance.againstOnDemand")} />
        <Stat
          label={t("jobs.interruptions")}
          value={row.interruptions}
          note={t("job.attempts", { count: row.attempt })}
        />
        <Stat
          label={t("jobs.unsafe")}
          value={row.rpo_s === null ? "–" : row.rpo_s === 0 ? t("jobs.safe") : duration(row.rpo_s)}
          note={t("job.unsafeNote")}
        />
      </dl>
      <Gauges row={row} />
      <Card title={t("job.attemptsTitle")} aside={<span className="quiet">{t("job.attemptsNote")}</span>}>
        <Spans attempts={job.attempts} events={events.data ?? []} />
      </Card>
      <LastInterruption job={job} />
      <Placement job={job} />
      <Tabs
        label={t("job.parts")}
        tabs={TABS.map((id) => ({ id, label: t(`job.tab.${id}`) }))}
        chosen={tab}
        choose={setTab}
      >
        {tab === "logs" ? <Logs name={row.name} /> : null}
        {tab === "snapshots" ? <Snapshots name={row.name} /> : null}
        {tab === "events" ? (
          <Card flush>
            <EventList events={events.data} />
          </Card>
        ) : null}
        {tab === "file" ? (
          <Card flush>
            <pre className="code">{JSON.stringify(job.spec, null, 2)}</pre>
          </Card>
        ) : null}
      </Tabs>
    </Page>
  );
}

/** Take away the instance that the job runs on now. */
function InterruptJob({ job }: { readonly job: WorkloadDetail }) {
  const { t } = useTranslation();
  const attempt =
    job.attempts.findLast((one) => one.state === "running") ?? job.attempts.findLast((one) => !one.ended_at);
  const { data } = useQuery({ ...queries.instance(attempt?.instance ?? ""), enabled: attempt !== undefined });
  if (data && attempt) return <Interrupt row={data} />;
  return (
    <Button kind="danger" icon={<Zap size={15} aria-hidden />} why={t("job.nowhere")}>
      {t("instance.interrupt")}
    </Button>
  );
}

/** What became of the last interruption, step by step, while the job lives. */
function LastInterruption({ job }: { readonly job: WorkloadDetail }) {
  const { data } = useQuery(queries.about(job.row.name));
  const moved = data?.findLast((event) => event.kind === "replacement.requested");
  const instance = moved ? String(moved.data.replaces) : "";
  const row = useQuery({ ...queries.instance(instance), enabled: instance !== "" }).data;
  return row ? <Recovery row={row} /> : null;
}

/** The same file and workdir under the next free name. */
function Rerun({ name }: { readonly name: string }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <Confirm
      button={{ children: t("job.rerun"), icon: <RotateCcw size={14} aria-hidden /> }}
      title={t("job.rerunTitle", { name })}
      verb={t("job.rerun")}
      tone="primary"
      act={() => actions.rerun(name).then((made) => navigate(paths.job(made.name)))}
    >
      <p>{t("job.rerunText")}</p>
    </Confirm>
  );
}

function Stop({ job }: { readonly job: WorkloadDetail }) {
  const { t } = useTranslation();
  const { name, state } = job.row;
  return (
    <Confirm
      button={{
        children: t("job.stop"),
        icon: <Square size={14} aria-hidden />,
        why: isJobOver(state) ? t("job.overAlready") : undefined,
      }}
      title={t("job.stopTitle", { name })}
      verb={t("job.stop")}
      act={() => actions.stop(name)}
    >
      <p>{t("job.stopText")}</p>
    </Confirm>
  );
}
