/** The instances as boxes with their replicas inside, each with its load. */
import { Network } from "lucide-react";
import { Link } from "react-router";
import type { ReplicaRow, ServiceDetail, ServiceInstanceRow } from "@/api/schema";
import { price } from "@/format/money";
import { percent } from "@/format/number";
import { useTranslation } from "@/i18n/useTranslation";
import { InstanceBadge } from "@/parts/Badge";
import { Empty, Meter } from "@/parts/layout";
import { paths } from "@/paths";
import { REPLICA_TONE } from "@/tone/tone";

export function Boxes({ service }: { readonly service: ServiceDetail }) {
  const { t } = useTranslation();
  if (service.instances.length === 0) {
    return (
      <Empty icon={<Network aria-hidden />} title={t("services.noInstance")}>
        {service.row.reason}
      </Empty>
    );
  }
  return (
    <ul className="boxes">
      {service.instances.map((one) => (
        <Box key={one.instance.id} one={one} />
      ))}
    </ul>
  );
}

function Box({ one }: { readonly one: ServiceInstanceRow }) {
  const { t } = useTranslation();
  const { instance, cpu } = one;
  return (
    <li className="box" aria-label={t("services.box", { id: instance.id })}>
      <div className="row between">
        <Link className="mono" to={paths.instance(instance.id)}>
          {instance.id}
        </Link>
        <InstanceBadge state={instance.state} />
      </div>
      <div className="quiet small">
        {instance.type} · {instance.zone} · {t("offer.perHour", { price: price(instance.price_usd_per_hour) })}
      </div>
      <div className="box-load small">
        <span className="quiet">{t("services.cpu")}</span>
        <Meter
          share={cpu ?? 0}
          tone={(cpu ?? 0) > 0.85 ? "warn" : "accent"}
          label={t("services.cpuOf", { id: instance.id })}
        />
        <span className="num">{cpu === null ? "–" : percent(cpu)}</span>
      </div>
      <ul className="replicas">
        {one.replicas.map((replica) => (
          <Replica key={replica.id} replica={replica} />
        ))}
      </ul>
    </li>
  );
}

function Replica({ replica }: { readonly replica: ReplicaRow }) {
  const { t } = useTranslation();
  return (
    <li className={`replica tone-${REPLICA_TONE[replica.state]}`} title={replica.reason}>
      <span className="dot" aria-hidden />
      <span className="mono">{replica.id}</span>
      <span className="quiet">{t(`replicaState.${replica.state}`)}</span>
      <span className="num quiet">
        {replica.in_flight === null ? "" : t("services.inFlight", { count: replica.in_flight })}
      </span>
      <span className="num">{replica.cpu_percent === null ? "" : `${Math.round(replica.cpu_percent)} %`}</span>
    </li>
  );
}
