import { useMutation, useQuery } from "@tanstack/react-query";
import { Archive, Download } from "lucide-react";
import { queries } from "@/api/queries";
import type { SnapshotRow } from "@/api/schema";
import { bytes } from "@/format/bytes";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Difference } from "@/pages/jobs/Difference";
import { useVerify } from "@/pages/jobs/Verify";
import { Age } from "@/parts/Age";
import { Button } from "@/parts/Button";
import { Bones, Card, Empty } from "@/parts/layout";
import { ProblemNote, withCode } from "@/parts/Problem";
import { fetchFile } from "@/table/export";

const MOST = 100;

export function Snapshots({ name }: { readonly name: string }) {
  const { t } = useTranslation();
  const { data, error } = useQuery(queries.snapshots(name));
  if (error) return <ProblemNote error={error} />;
  if (!data) return <Bones />;
  if (data.length === 0) {
    return (
      <Empty icon={<Archive aria-hidden />} title={t("snapshot.none")}>
        {t("snapshot.noneText", { name })}
      </Empty>
    );
  }
  return (
    <>
      <Difference name={name} rows={data} />
      <Card flush>
        <ul className="lines" aria-label={t("job.tab.snapshots")}>
          {data.slice(0, MOST).map((row) => (
            <Line key={row.sequence} name={name} row={row} />
          ))}
        </ul>
        {data.length > MOST ? <p className="hint pad">{t("snapshot.more", { count: data.length - MOST })}</p> : null}
        <p className="hint pad">{withCode(t("snapshot.restore", { name }))}</p>
      </Card>
    </>
  );
}

function Line({ name, row }: { readonly name: string; readonly row: SnapshotRow }) {
  const { t } = useTranslation();
  const path = `/workloads/${encodeURIComponent(name)}/snapshots/${row.sequence}/files`;
  const fetching = useMutation({ mutationFn: () => fetchFile(path, `${name}-${row.sequence}.tar`) });
  const verify = useVerify(name, row.sequence);
  return (
    <li className="line">
      <span className="num line-name">#{row.sequence}</span>
      <span className="quiet num">
        {t("snapshot.files", { count: row.files, files: number(row.files) })} · {bytes(row.bytes)}
      </span>
      <span className="quiet">{t("snapshot.epoch", { epoch: row.epoch })}</span>
      {row.missed.length > 0 ? (
        <span className="tone-warn text">{t("snapshot.missed", { count: row.missed.length })}</span>
      ) : null}
      <span className="line-end quiet">
        <Age at={row.taken_at} />
        {verify.button}
        <Button
          size="small"
          busy={fetching.isPending}
          icon={<Download size={14} aria-hidden />}
          aria-label={t("snapshot.download", { sequence: row.sequence })}
          why={row.files === 0 ? t("snapshot.empty") : undefined}
          onClick={() => fetching.mutate()}
        >
          {t("action.download")}
        </Button>
      </span>
      {fetching.error ? <ProblemNote error={fetching.error} /> : null}
      {verify.below}
    </li>
  );
}
