import { useQuery } from "@tanstack/react-query";
import { Boxes } from "lucide-react";
import { useMemo } from "react";
import { queries } from "@/api/queries";
import type { WorkloadRow } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { useJobColumns } from "@/pages/jobs/columns";
import { Bones, Empty, Page } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { Tabs } from "@/parts/Tabs";
import { useAddress } from "@/parts/useAddress";
import { DataTable } from "@/table/DataTable";
import { ExportMenu } from "@/table/ExportMenu";
import { useShown } from "@/table/useShown";
import { isJobOver } from "@/tone/life";

type TabId = "all" | "live" | "ended";
const TABS: readonly TabId[] = ["all", "live", "ended"];
const isUnder = (row: WorkloadRow, tab: TabId) => tab === "all" || isJobOver(row.state) === (tab === "ended");

export function Jobs() {
  const { t } = useTranslation();
  const { data, error } = useQuery(queries.workloads());
  const [tab, setTab] = useAddress<TabId>("tab", "all");
  const [text, setText] = useAddress("q", "");
  const [shown, keep] = useShown<WorkloadRow>();
  const columns = useJobColumns();
  const jobs = useMemo(
    () => (data ?? []).filter((row) => row.kind === "job" && row.name.includes(text.toLowerCase())),
    [data, text],
  );
  const rows = useMemo(() => jobs.filter((row) => isUnder(row, tab)), [jobs, tab]);
  return (
    <Page
      title={t("nav.jobs")}
      note={t("jobs.note")}
      actions={<ExportMenu name="jobs" rows={shown} columns={columns} />}
    >
      {error ? <ProblemNote error={error} /> : null}
      <Tabs
        label={t("jobs.groups")}
        tabs={TABS.map((id) => ({
          id,
          label: t(`jobs.tab.${id}`),
          count: data && jobs.filter((row) => isUnder(row, id)).length,
        }))}
        chosen={tab}
        choose={setTab}
      >
        <div className="tools">
          <input
            className="input grow"
            type="search"
            placeholder={t("jobs.search")}
            aria-label={t("jobs.search")}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        <DataTable
          label={t("nav.jobs")}
          rows={rows}
          columns={columns}
          keyOf={(row) => row.name}
          sortedBy={{ id: "requested_at", desc: true }}
          onShown={keep}
          empty={
            data ? (
              <Empty icon={<Boxes aria-hidden />} title={t(data.length > 0 ? "jobs.noneHere" : "jobs.none")}>
                {t(data.length > 0 ? "jobs.noneHereText" : "jobs.noneText")}
              </Empty>
            ) : (
              <Bones lines={5} />
            )
          }
        />
      </Tabs>
    </Page>
  );
}
