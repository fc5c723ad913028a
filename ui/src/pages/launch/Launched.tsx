/** What came of a launch: its instances and Terraform's lines, as they come. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { queries } from "@/api/queries";
import type { DeploymentRow } from "@/api/schema";
import { useTranslation } from "@/i18n/useTranslation";
import { DeploymentBadge } from "@/parts/Badge";
import { Card } from "@/parts/layout";
import { TerraformLog } from "@/parts/TerraformLog";
import { paths } from "@/paths";

export function Launched({ deployment }: { readonly deployment: DeploymentRow }) {
  const { t } = useTranslation();
  const events = useQuery(queries.about(deployment.id));
  const all = useQuery(queries.deployments());
  const now = all.data?.find((row) => row.id === deployment.id) ?? deployment;
  return (
    <Card
      className="launched"
      title={t("launch.launched")}
      flush
      aside={
        <span className="row wrap">
          {now.instances.map((id) => (
            <Link key={id} className="mono" to={paths.instance(id)}>
              {id}
            </Link>
          ))}
          <DeploymentBadge state={now.state} />
        </span>
      }
    >
      {now.failure ? <p className="note tone-bad">{now.failure}</p> : null}
      <TerraformLog events={events.data} />
    </Card>
  );
}
