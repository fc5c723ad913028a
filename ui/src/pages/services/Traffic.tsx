import { useQuery } from "@tanstack/react-query";
import { queries } from "@/api/queries";
import { Lines } from "@/chart/Lines";
import { number } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { Bones, Card } from "@/parts/layout";

export function Traffic({ name }: { readonly name: string }) {
  const { t } = useTranslation();
  const { data } = useQuery(queries.traffic(name));
  if (!data) return <Bones lines={6} />;
  const at = data.map((point) => Date.parse(point.at));
  const whole = (value: number) => number(Math.round(value * 100) / 100);
  return (
    <div className="columns">
      <Card title={t("services.traffic")}>
        <Lines
          label={t("services.traffic")}
          at={at}
          show={whole}
          lines={[
            {
              name: t("services.rate"),
              values: data.map((point) => point.requests_per_s),
              colour: "accent",
              filled: true,
            },
            { name: t("services.failedRate"), values: data.map((point) => point.failed_per_s), colour: "bad" },
          ]}
        />
      </Card>
      <Card title={t("services.p95")}>
        <Lines
          label={t("services.p95")}
          at={at}
          show={whole}
          lines={[{ name: t("services.p95"), values: data.map((point) => point.p95_ms), colour: "busy" }]}
        />
      </Card>
      <Card title={t("services.size")} className="wide">
        <Lines
          label={t("services.size")}
          at={at}
          show={whole}
          lines={[
            {
              name: t("services.replicas"),
              values: data.map((point) => point.replicas_ready),
              colour: "accent",
              stepped: true,
            },
            { name: t("nav.instances"), values: data.map((point) => point.instances), colour: "quiet", stepped: true },
            { name: t("services.demand"), values: data.map((point) => point.demand), colour: "warn" },
          ]}
        />
      </Card>
    </div>
  );
}
