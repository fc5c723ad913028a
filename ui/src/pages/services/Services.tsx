import { useQuery } from "@tanstack/react-query";
import { Network } from "lucide-react";
import { queries } from "@/api/queries";
import type { ServiceRow } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { useServiceColumns } from "@/pages/services/columns";
import { Bones, Empty, Page } from "@/parts/layout";
import { ProblemNote, withCode } from "@/parts/Problem";
import { DataTable } from "@/table/DataTable";
import { ExportMenu } from "@/table/ExportMenu";
import { useShown } from "@/table/useShown";

export function Services() {
  const { t } = useTranslation();
  const { data, error } = useQuery(queries.services());
  const columns = useServiceColumns();
  const [shown, keep] = useShown<ServiceRow>();
  return (
    <Page
      title={t("nav.services")}
      note={t("services.note")}
      actions={<ExportMenu name="services" rows={shown} columns={columns} />}
    >
      {error ? <ProblemNote error={error} /> : null}
      <DataTable
        label={t("nav.services")}
        rows={data ?? []}
        columns={columns}
        keyOf={(row) => row.name}
        onShown={keep}
        empty={
          data ? (
            <Empty icon={<Network aria-hidden />} title={t("services.none")}>
              {withCode(t("services.noneText"))}
            </Empty>
          ) : (
            <Bones lines={5} />
          )
        }
      />
    </Page>
  );
}
