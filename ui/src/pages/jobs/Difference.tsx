/** Which files changed from one snapshot to another. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { queries } from "@/api/queries";
import type { SnapshotDifference, SnapshotRow } from "@/api/schema";
import { clock } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { Bones, Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const MOST = 200;
const CHANGES = [
  { key: "added", sign: "+", tone: "good" },
  { key: "changed", sign: "~", tone: "busy" },
  { key: "removed", sign: "−", tone: "bad" },
] as const;

/** `rows` are the snapshots, the newest first. */
export function Difference({ name, rows }: { readonly name: string; readonly rows: readonly SnapshotRow[] }) {
  const { t } = useTranslation();
  const [wanted, setWanted] = useState<readonly [number, number] | null>(null);
  const [newest, before] = rows;
  if (!newest || !before) return null;
  const [older, newer] = wanted ?? [before.sequence, newest.sequence];
  return (
    <Card
      title={t("snapshot.compare")}
      aside={
        <span className="row wrap">
          <Choice rows={rows} label={t("snapshot.older")} chosen={older} choose={(one) => setWanted([one, newer])} />
          <span aria-hidden>→</span>
          <Choice rows={rows} label={t("snapshot.newer")} chosen={newer} choose={(one) => setWanted([older, one])} />
        </span>
      }
    >
      <Paths name={name} older={older} newer={newer} />
    </Card>
  );
}

interface ChoiceProps {
  readonly rows: readonly SnapshotRow[];
  readonly label: string;
  readonly chosen: number;
  readonly choose: (sequence: number) => void;
}

function Choice({ rows, label, chosen, choose }: ChoiceProps) {
  return (
    <select
      className="select select-small"
      aria-label={label}
      value={chosen}
      onChange={(event) => choose(Number(event.target.value))}
    >
      {rows.map((row) => (
        <option key={row.sequence} value={row.sequence}>
          #{row.sequence} · {clock(row.taken_at)}
        </option>
      ))}
    </select>
  );
}

function Paths({ name, older, newer }: { readonly name: string; readonly older: number; readonly newer: number }) {
  const { t } = useTranslation();
  const { data, error } = useQuery(queries.difference(name, older, newer));
  if (error) return <ProblemNote error={error} />;
  if (!data) return <Bones />;
  return (
    <>
      <p className="row wrap" role="status">
        {CHANGES.map(({ key, tone }) => (
          <span key={key} className={`text num tone-${tone}`}>
            {t(`snapshot.${key}`, { count: data[key].length })}
          </span>
        ))}
      </p>
      <ul className="paths mono" aria-label={t("snapshot.compare")} tabIndex={0}>
        {shownOf(data).map(({ sign, tone, path }) => (
          <li key={`${sign}${path}`}>
            <span className={`text tone-${tone}`}>{sign}</span> {path}
          </li>
        ))}
      </ul>
    </>
  );
}

const shownOf = (difference: SnapshotDifference) =>
  CHANGES.flatMap(({ key, sign, tone }) => difference[key].map((path) => ({ sign, tone, path }))).slice(0, MOST);
