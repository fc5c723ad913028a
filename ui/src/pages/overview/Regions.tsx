import { Cpu } from "lucide-react";
import { Link } from "react-router";
import type { InstanceRow } from "@/api/schema";
import { price } from "@/format/money";
import { useTranslation } from "@/i18n/useTranslation";
import { Bones, Card, Empty } from "@/parts/layout";
import { paths } from "@/paths";
import { INSTANCE_GROUP } from "@/tone/life";

interface Region {
  readonly name: string;
  readonly healthy: number;
  readonly interrupted: number;
  readonly perHour: number;
}

export function Regions({ instances }: { readonly instances: readonly InstanceRow[] | undefined }) {
  const { t } = useTranslation();
  const regions = byRegion(instances ?? []);
  const most = Math.max(1, ...regions.map((region) => region.healthy + region.interrupted));
  return (
    <Card title={t("overview.regions")}>
      {instances === undefined ? <Bones /> : null}
      {instances && regions.length === 0 ? (
        <Empty
          icon={<Cpu aria-hidden />}
          title={t("overview.noInstances")}
          action={<Link to={paths.launch()}>{t("overview.launchOne")}</Link>}
        />
      ) : null}
      <ul className="regions">
        {regions.map((region) => (
          <li key={region.name}>
            <div className="row between">
              <Link to={`${paths.instances()}?q=${encodeURIComponent(region.name.split(" / ")[1] ?? "")}`}>
                {region.name}
              </Link>
              <span className="num quiet">
                {t("overview.inRegion", { count: region.healthy + region.interrupted })} ·{" "}
                {t("offer.perHour", { price: price(region.perHour) })}
              </span>
            </div>
            <div className="meter" aria-hidden>
              <div className="meter-fill tone-good" style={{ width: `${(region.healthy / most) * 100}%` }} />
              <div className="meter-fill tone-warn" style={{ width: `${(region.interrupted / most) * 100}%` }} />
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function byRegion(instances: readonly InstanceRow[]): Region[] {
  const found = new Map<string, Region>();
  for (const row of instances) {
    const name = `${row.cloud} / ${row.region}`;
    const known = found.get(name) ?? { name, healthy: 0, interrupted: 0, perHour: 0 };
    const going = INSTANCE_GROUP[row.state] === "interrupted" ? 1 : 0;
    found.set(name, {
      name,
      healthy: known.healthy + 1 - going,
      interrupted: known.interrupted + going,
      perHour: known.perHour + row.price_usd_per_hour,
    });
  }
  return [...found.values()].sort((one, other) => other.healthy + other.interrupted - one.healthy - one.interrupted);
}
