import { Boxes } from "lucide-react";
import { Link } from "react-router";
import type { WorkloadRow } from "@/api/schema";
import { usd } from "@/format/money";
import { duration } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { shareDone } from "@/pages/jobs/columns";
import { Age } from "@/parts/Age";
import { JobBadge } from "@/parts/Badge";
import { Bones, Card, Empty, Meter } from "@/parts/layout";
import { paths } from "@/paths";

const MOST = 8;
const UNSAFE_LONG_S = 60;

export function Running({ jobs }: { readonly jobs: readonly WorkloadRow[] | undefined }) {
  const { t } = useTranslation();
  return (
    <Card title={t("overview.running")} flush aside={<Link to={paths.jobs()}>{t("overview.all")}</Link>}>
      {jobs === undefined ? <Bones /> : null}
      {jobs?.length === 0 ? (
        <Empty
          icon={<Boxes aria-hidden />}
          title={t("overview.noJobs")}
          action={<Link to={paths.launch()}>{t("overview.launchOne")}</Link>}
        >
          {t("overview.noJobsText")}
        </Empty>
      ) : null}
      <ul className="lines">
        {jobs
          ?.slice(-MOST)
          .reverse()
          .map((row) => (
            <li key={row.name} className="line line-job">
              <Link className="row-link line-name" to={paths.job(row.name)}>
                {row.name}
              </Link>
              <JobBadge state={row.state} />
              <span className="grow">
                {shareDone(row) === null ? null : (
                  <Meter share={shareDone(row) ?? 0} tone="accent" label={t("jobs.progress")} />
                )}
              </span>
              <Safety row={row} />
              <span className="num line-end">{usd(row.cost_usd)}</span>
            </li>
          ))}
      </ul>
    </Card>
  );
}

/** What is not safe yet: the age of the oldest change that no snapshot holds. */
function Safety({ row }: { readonly row: WorkloadRow }) {
  const { t } = useTranslation();
  if (row.rpo_s === null)
    return (
      <span className="quiet small">
        {row.last_snapshot_at ? <Age at={row.last_snapshot_at} /> : t("overview.noSnapshot")}
      </span>
    );
  if (row.rpo_s === 0) return <span className="small quiet">{t("overview.allSafe")}</span>;
  return (
    <span className={`small num ${row.rpo_s > UNSAFE_LONG_S ? "text tone-warn" : "quiet"}`}>
      {t("overview.unsafe", { time: duration(row.rpo_s) })}
    </span>
  );
}
