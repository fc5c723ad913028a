/** What the instance's agent measured: load, and how much was not yet safe. */
import { useQuery } from "@tanstack/react-query";
import { queries } from "@/api/queries";
import { Lines } from "@/chart/Lines";
import { bytes } from "@/format/bytes";
import { percent } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Card } from "@/parts/layout";

export function Metrics({ id, ended }: { readonly id: string; readonly ended: boolean }) {
  const { t } = useTranslation();
  const { data } = useQuery(queries.metrics(id));
  const points = data?.points ?? [];
  const at = points.map((point) => Date.parse(point.at));
  if (points.length < 2) return <NotYet ended={ended} />; // a line needs two
  return (
    <div className="columns">
      <Card title={t("instance.load")}>
        <Lines
          label={t("instance.load")}
          at={at}
          show={percent}
          lines={[
            { name: t("services.cpu"), values: points.map((point) => point.cpu), colour: "accent", filled: true },
            { name: t("instance.memory"), values: points.map((point) => point.memory), colour: "busy" },
            ...(["disk", "gpu"] as const)
              .filter((what) => points.some((point) => point[what] !== null))
              .map((what) => ({
                name: t(`instance.${what}`),
                values: points.map((point) => point[what]),
                colour: what === "disk" ? ("quiet" as const) : ("warn" as const),
              })),
          ]}
        />
      </Card>
      <Card title={t("instance.dirty")}>
        <Lines
          label={t("instance.dirty")}
          at={at}
          show={bytes}
          lines={[
            {
              name: t("instance.dirty"),
              values: points.map((point) => point.dirty_bytes),
              colour: "warn",
              filled: true,
            },
          ]}
        />
      </Card>
    </div>
  );
}

/** The room that the charts take, so that nothing jumps when they are there. */
function NotYet({ ended }: { readonly ended: boolean }) {
  const { t } = useTranslation();
  if (ended) return null;
  return (
    <div className="columns">
      {(["load", "dirty"] as const).map((what) => (
        <Card key={what} title={t(`instance.${what}`)}>
          <p className="hint chart-empty">{t("instance.noMetrics")}</p>
        </Card>
      ))}
    </div>
  );
}
