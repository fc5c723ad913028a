import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import { useReadOnly } from "@/api/session";
import { price, usd } from "@/format/money";
import { useTranslation } from "@/i18n/useTranslation";
import { Button } from "@/parts/Button";
import { Card, Empty, Meter } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const PERIODS = ["day", "month", "total"] as const;
type Period = (typeof PERIODS)[number];
const isPeriod = (scope: string): scope is Period => PERIODS.some((period) => period === scope);

export function Budgets() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const readOnly = useReadOnly();
  const { data, error } = useQuery(queries.budgets());
  const [scope, setScope] = useState<Period>("day");
  const [limit, setLimit] = useState("");
  const again = () => client.invalidateQueries({ queryKey: ["budgets"] });
  const setting = useMutation({
    mutationFn: () => actions.setBudget(scope, { limit_usd: Number(limit) }),
    onSuccess: again,
  });
  const removing = useMutation({ mutationFn: (which: string) => actions.removeBudget(which), onSuccess: again });
  const isLimit = limit.trim() !== "" && Number(limit) >= 0;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isLimit) setting.mutate();
  };
  const failed = setting.error ?? removing.error ?? error;
  return (
    <Card title={t("settings.tab.budgets")}>
      <form className="tools" onSubmit={submit}>
        <select
          className="select"
          aria-label={t("settings.period")}
          value={scope}
          onChange={(event) => setScope(event.target.value as Period)}
        >
          {PERIODS.map((one) => (
            <option key={one} value={one}>
              {t(`settings.periods.${one}`)}
            </option>
          ))}
        </select>
        <input
          className="input input-narrow"
          inputMode="decimal"
          aria-label={t("settings.limit")}
          placeholder="25"
          value={limit}
          onChange={(event) => setLimit(event.target.value)}
        />
        <Button type="submit" busy={setting.isPending} why={readOnly ?? (isLimit ? undefined : t("settings.noLimit"))}>
          {t("settings.setBudget")}
        </Button>
      </form>
      {failed ? <ProblemNote error={failed} /> : null}
      {data?.length === 0 ? <Empty title={t("settings.noBudget")}>{t("settings.noBudgetText")}</Empty> : null}
      <ul className="regions">
        {data?.map((row) => (
          <li key={row.scope}>
            <div className="row between wrap">
              <strong>{isPeriod(row.scope) ? t(`settings.periods.${row.scope}`) : row.scope}</strong>
              <span className="num quiet">
                {t("job.spentOf", { spent: usd(row.spent_usd), limit: usd(row.limit_usd) })} ·{" "}
                {t("offer.perHour", { price: price(row.per_hour_now_usd) })}
              </span>
              <Button size="small" kind="ghost" why={readOnly} onClick={() => removing.mutate(row.scope)}>
                {t("settings.remove")}
              </Button>
            </div>
            <Meter
              share={row.share}
              tone={row.share >= 1 ? "bad" : row.share >= row.warn_at ? "warn" : "accent"}
              label={row.scope}
            />
          </li>
        ))}
      </ul>
    </Card>
  );
}
