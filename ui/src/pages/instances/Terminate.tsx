import { Trash2 } from "lucide-react";
import { actions } from "@/api/actions";
import type { InstanceRow } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { Confirm } from "@/parts/Confirm";
import { isTerminable } from "@/tone/life";

const icon = <Trash2 size={15} aria-hidden />;

export function Terminate({ row }: { readonly row: InstanceRow }) {
  const { t } = useTranslation();
  const why = isTerminable(row) ? undefined : t("instance.overAlready");
  return (
    <Confirm
      button={{ children: t("instance.terminate"), icon, why }}
      title={t("instance.terminateTitle", { id: row.id })}
      verb={t("instance.terminate")}
      act={() => actions.terminate(row.id)}
    >
      <p>{row.workload ? t("instance.terminateWork", { workload: row.workload }) : t("instance.terminateBare")}</p>
    </Confirm>
  );
}

interface TerminateManyProps {
  readonly rows: readonly InstanceRow[];
  readonly all: boolean;
  readonly onDone: () => void;
}

export function TerminateMany({ rows, all, onDone }: TerminateManyProps) {
  const { t } = useTranslation();
  const verb = all ? t("instances.terminateAll") : t("instances.terminateChosen", { count: rows.length });
  return (
    <Confirm
      button={{ children: verb, icon, why: rows.length > 0 ? undefined : t("instances.noneToTerminate") }}
      title={t("instances.terminateTitle", { count: rows.length })}
      verb={verb}
      act={() => actions.terminateAll({ ids: rows.map((row) => row.id) })}
      onDone={onDone}
    >
      <p>{t("instances.terminateText")}</p>
      <ul className="chips">
        {rows.slice(0, 30).map((row) => (
          <li key={row.id} className="chip mono">
            {row.id}
          </li>
        ))}
      </ul>
    </Confirm>
  );
}
