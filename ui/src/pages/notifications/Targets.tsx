/** Where notifications are sent: each with its own choice of topics, and a message to try it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Send } from "lucide-react";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import type { TargetRow } from "@/api/schema";
import { useReadOnly } from "@/api/session";
import { useTranslation } from "@/i18n/useTranslation";
import { AddTarget } from "@/pages/notifications/AddTarget";
import { TopicChoice } from "@/pages/notifications/TopicChoice";
import { Age, Until } from "@/parts/Age";
import { Badge } from "@/parts/Badge";
import { Button } from "@/parts/Button";
import { Confirm } from "@/parts/Confirm";
import { Bones, Card, Empty } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

export function Targets() {
  const { t } = useTranslation();
  const { data, error } = useQuery(queries.targets());
  return (
    <div className="columns columns-loose">
      <Card title={t("notifications.sentTo")}>
        {error ? <ProblemNote error={error} /> : null}
        {data === undefined && !error ? <Bones /> : null}
        {data?.length === 0 ? (
          <Empty title={t("notifications.noTarget")}>{t("notifications.noTargetText")}</Empty>
        ) : null}
        <ul className="alerts" aria-label={t("notifications.sentTo")}>
          {data?.map((row) => (
            <Target key={row.id} row={row} />
          ))}
        </ul>
      </Card>
      <AddTarget />
    </div>
  );
}

function Target({ row }: { readonly row: TargetRow }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const readOnly = useReadOnly();
  const again = () => client.invalidateQueries({ queryKey: ["targets"] });
  const testing = useMutation({ mutationFn: () => actions.testTarget(row.id), onSettled: again });
  const choosing = useMutation({
    mutationFn: (topics: string[]) => actions.changeTarget(row.id, { topics }),
    onSuccess: again,
  });
  const failed = testing.error ?? choosing.error;
  return (
    <li className="target" aria-label={row.name}>
      <div className="row between wrap">
        <span>
          <strong>{row.name}</strong> <span className="quiet">{row.service}</span>
          <span className="mono quiet small block">{row.address}</span>
        </span>
        <span className="row wrap">
          <Button
            size="small"
            icon={<Send size={13} aria-hidden />}
            busy={testing.isPending}
            why={readOnly}
            onClick={() => testing.mutate()}
          >
            {t("notifications.test")}
          </Button>
          <Confirm
            button={{ size: "small", kind: "ghost", children: t("settings.remove") }}
            title={t("settings.removeTitle", { name: row.name })}
            verb={t("settings.remove")}
            act={() => actions.removeTarget(row.id).then(again)}
          >
            <p>{t("notifications.removeText")}</p>
          </Confirm>
        </span>
      </div>
      <TopicChoice chosen={row.topics} choose={(topics) => choosing.mutate(topics)} why={readOnly} />
      <p className="small quiet num">
        {t("notifications.sent", { count: row.sent })} {row.sent_at ? <Age at={row.sent_at} /> : null}
      </p>
      {testing.isSuccess ? (
        <p role="status">
          <Badge tone="good">{t("notifications.tested")}</Badge>
        </p>
      ) : null}
      {row.failure ? (
        <p className="note tone-warn">
          {row.failure} {row.retry_at ? <Until at={row.retry_at} /> : null}
        </p>
      ) : null}
      {failed ? <ProblemNote error={failed} /> : null}
    </li>
  );
}
