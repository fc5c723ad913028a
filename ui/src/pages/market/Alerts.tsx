import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Bell, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { actions } from "@/api/actions";
import { type Market, queries } from "@/api/queries";
import type { AlertRow } from "@/api/schema";
import { useReadOnly } from "@/api/session";
import { price } from "@/format/money";
import { useTranslation } from "@/i18n/useTranslation";
import { Age } from "@/parts/Age";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

const SIDES = ["above", "below"] as const;
const THEN = ["notify", "pause", "move"] as const;
type Side = (typeof SIDES)[number];
type Then = (typeof THEN)[number];

export function Alerts({ market }: { readonly market: Market }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const readOnly = useReadOnly();
  const { data, error } = useQuery(queries.alerts());
  const [side, setSide] = useState<Side>("below");
  const [then, setThen] = useState<Then>("notify");
  const [line, setLine] = useState("");
  const again = () => client.invalidateQueries({ queryKey: ["alerts"] });
  const adding = useMutation({
    mutationFn: () => actions.addAlert({ ...market, side, then, usd_per_hour: Number(line) }),
    onSuccess: again,
  });
  const removing = useMutation({ mutationFn: (id: string) => actions.removeAlert(id), onSuccess: again });
  const isPrice = line.trim() !== "" && Number(line) >= 0;
  const failed = adding.error ?? removing.error ?? error;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isPrice) adding.mutate();
  };
  return (
    <Card title={t("market.alerts")}>
      <form className="tools" onSubmit={submit}>
        <select
          className="select"
          aria-label={t("market.side")}
          value={side}
          onChange={(event) => setSide(event.target.value as Side)}
        >
          {SIDES.map((one) => (
            <option key={one} value={one}>
              {t(`market.sides.${one}`)}
            </option>
          ))}
        </select>
        <input
          className="input input-narrow"
          inputMode="decimal"
          aria-label={t("market.line")}
          placeholder="0.0120"
          value={line}
          onChange={(event) => setLine(event.target.value)}
        />
        <select
          className="select"
          aria-label={t("market.then")}
          value={then}
          onChange={(event) => setThen(event.target.value as Then)}
        >
          {THEN.map((one) => (
            <option key={one} value={one}>
              {t(`market.thens.${one}`)}
            </option>
          ))}
        </select>
        <Button
          type="submit"
          icon={<Bell size={14} aria-hidden />}
          busy={adding.isPending}
          why={readOnly ?? (isPrice ? undefined : t("market.noLine"))}
        >
          {t("market.add")}
        </Button>
      </form>
      {failed ? <ProblemNote error={failed} /> : null}
      {data?.length === 0 ? <p className="hint">{t("market.noAlerts")}</p> : null}
      <ul className="alerts" aria-label={t("market.alerts")}>
        {data?.map((row) => (
          <Alert key={row.id} row={row} remove={() => removing.mutate(row.id)} />
        ))}
      </ul>
    </Card>
  );
}

function Alert({ row, remove }: { readonly row: AlertRow; readonly remove: () => void }) {
  const { t } = useTranslation();
  const readOnly = useReadOnly();
  return (
    <li className="row between">
      <span className="small">
        <strong>{row.type}</strong> <span className="quiet">{row.zone ?? row.region}</span>{" "}
        {t(`market.sides.${row.side as Side}`)} <span className="num">{price(row.usd_per_hour)}</span>
        <span className="quiet block num">
          {t("market.fired", { count: row.fired })} {row.fired_at ? <Age at={row.fired_at} /> : null}
          {row.seen_usd_per_hour === null ? "" : ` · ${t("market.seen", { price: price(row.seen_usd_per_hour) })}`}
        </span>
      </span>
      <Button
        kind="ghost"
        size="small"
        aria-label={t("market.remove", { type: row.type })}
        icon={<Trash2 size={14} aria-hidden />}
        why={readOnly}
        onClick={remove}
      />
    </li>
  );
}
