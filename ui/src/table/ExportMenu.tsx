import { Download } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useTranslation } from "@/i18n/useTranslation";
import { Button } from "@/parts/Button";
import type { Column } from "@/table/column";
import { download, toCsv, toJson } from "@/table/export";

interface ExportMenuProps<Row> {
  readonly name: string;
  /** The rows as they are shown at the moment of the click. */
  readonly rows: () => readonly Row[];
  readonly columns: ReadonlyArray<Column<Row>>;
}

export function ExportMenu<Row>({ name, rows, columns }: ExportMenuProps<Row>) {
  const { t } = useTranslation();
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button icon={<Download size={15} aria-hidden />}>{t("action.export")}</Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={6}>
          <DropdownMenu.Item
            className="menu-item"
            onSelect={() => download(`${name}.csv`, toCsv(rows(), columns), "text/csv")}
          >
            CSV
          </DropdownMenu.Item>
          <DropdownMenu.Item
            className="menu-item"
            onSelect={() => download(`${name}.json`, toJson(rows(), columns), "application/json")}
          >
            JSON
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
