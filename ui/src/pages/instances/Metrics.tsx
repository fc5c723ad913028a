/** What the instance's agent measured: load, and how much was not yet safe. */
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { queries } from "@/api/queries";
import { Lines } from "@/chart/Lines";
import { bytes } from "@/format/bytes";
import { useFormat } from "@/format/useFormat";
import { Card } from "@/parts/layout";

export function Metrics({ id }: { readonly id: string }) {
  const { t } = useTranslation();
  const { percent } = useFormat();
  const { data } = useQuery(queries.metrics(id));
  const points = data?.points ?? [];
  if (points.length < 2) return null; // a line needs two
  const at = points.map((point) => Date.parse(point.at));
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
