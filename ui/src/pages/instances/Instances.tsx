import { useQuery } from "@tanstack/react-query";
import { Cpu, LayoutGrid, List } from "lucide-react";
import { useDeferredValue, useMemo, useState } from "react";
import { queries } from "@/api/queries";
import type { InstanceRow } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { useInstanceColumns } from "@/pages/instances/columns";
import { InstanceGrid } from "@/pages/instances/InstanceGrid";
import { TerminateMany } from "@/pages/instances/Terminate";
import { Button } from "@/parts/Button";
import { Bones, Empty, Page } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { Tabs } from "@/parts/Tabs";
import { useAddress } from "@/parts/useAddress";
import { DataTable } from "@/table/DataTable";
import { ExportMenu } from "@/table/ExportMenu";
import { useShown } from "@/table/useShown";
import { INSTANCE_GROUP, type InstanceGroup, isTerminable } from "@/tone/life";

type TabId = "all" | InstanceGroup;
type Kind = "" | "spot" | "on-demand";
const TABS: readonly TabId[] = ["all", "healthy", "interrupted", "ended"];

export function Instances() {
  const { t } = useTranslation();
  const { data, error } = useQuery(queries.instances());
  const [tab, setTab] = useAddress<TabId>("tab", "all");
  const [view, setView] = useAddress<"table" | "grid">("view", "table");
  const [text, setText] = useAddress("q", "");
  const [cloud, setCloud] = useAddress("cloud", "");
  const [kind, setKind] = useAddress<Kind>("kind", "");
  const [keys, setKeys] = useState<Record<string, boolean>>({});
  const [shown, keep] = useShown<InstanceRow>();
  const columns = useInstanceColumns();
  const wanted = useDeferredValue(text.toLowerCase());
  const found = useMemo(
    () => (data ?? []).filter((row) => isOf(row, cloud, kind) && matches(row, wanted)),
    [data, wanted, cloud, kind],
  );
  const rows = useMemo(() => found.filter((row) => tab === "all" || INSTANCE_GROUP[row.state] === tab), [found, tab]);
  const newest = useMemo(() => rows.toReversed(), [rows]);
  const chosen = (data ?? []).filter((row) => keys[row.id] && isTerminable(row));
  const living = (data ?? []).filter(isTerminable);
  const clouds = [...new Set((data ?? []).map((row) => row.cloud))].sort();
  const empty = data ? <NoInstances some={data.length > 0} /> : <Bones lines={5} />;
  return (
    <Page
      title={t("nav.instances")}
      note={t("instances.note")}
      actions={
        <>
          <TerminateMany
            rows={chosen.length > 0 ? chosen : living}
            all={chosen.length === 0}
            onDone={() => setKeys({})}
          />
          <ExportMenu name="instances" rows={() => (view === "grid" ? newest : shown())} columns={columns} />
        </>
      }
    >
      {error ? <ProblemNote error={error} /> : null}
      <Tabs
        label={t("instances.groups")}
        tabs={TABS.map((id) => ({
          id,
          label: t(`instances.tab.${id}`),
          count: data && found.filter((row) => id === "all" || INSTANCE_GROUP[row.state] === id).length,
        }))}
        chosen={tab}
        choose={setTab}
      >
        <div className="tools">
          <input
            className="input grow"
            type="search"
            placeholder={t("instances.search")}
            aria-label={t("instances.search")}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <select
            className="select"
            aria-label={t("instances.cloud")}
            value={cloud}
            onChange={(event) => setCloud(event.target.value)}
          >
            <option value="">{t("offer.anyCloud")}</option>
            {clouds.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
          <select
            className="select"
            aria-label={t("instances.kind")}
            value={kind}
            onChange={(event) => setKind(event.target.value as Kind)}
          >
            <option value="">{t("offer.anyKind")}</option>
            <option value="spot">{t("offer.spot")}</option>
            <option value="on-demand">{t("offer.onDemand")}</option>
          </select>
          <div className="segments">
            <Button
              size="small"
              kind="ghost"
              aria-label={t("instances.asTable")}
              aria-pressed={view === "table"}
              icon={<List size={15} aria-hidden />}
              onClick={() => setView("table")}
            />
            <Button
              size="small"
              kind="ghost"
              aria-label={t("instances.asGrid")}
              aria-pressed={view === "grid"}
              icon={<LayoutGrid size={15} aria-hidden />}
              onClick={() => setView("grid")}
            />
          </div>
        </div>
        {view === "grid" ? (
          <InstanceGrid rows={newest} empty={empty} />
        ) : (
          <DataTable
            label={t("nav.instances")}
            rows={rows}
            columns={columns}
            keyOf={(row) => row.id}
            sortedBy={{ id: "started_at", desc: true }}
            empty={empty}
            chosen={{ keys, choose: setKeys }}
            onShown={keep}
          />
        )}
      </Tabs>
    </Page>
  );
}

function NoInstances({ some }: { readonly some: boolean }) {
  const { t } = useTranslation();
  return (
    <Empty icon={<Cpu aria-hidden />} title={t(some ? "instances.noneHere" : "instances.none")}>
      {t(some ? "instances.noneHereText" : "instances.noneText")}
    </Empty>
  );
}

const isOf = (row: InstanceRow, cloud: string, kind: Kind): boolean =>
  (!cloud || row.cloud === cloud) && (!kind || row.spot === (kind === "spot"));

function matches(row: InstanceRow, text: string): boolean {
  if (!text) return true;
  const words = [row.id, row.name, row.cloud, row.region, row.zone, row.type, row.workload, row.address, row.state];
  return words.some((word) => word?.toLowerCase().includes(text));
}
