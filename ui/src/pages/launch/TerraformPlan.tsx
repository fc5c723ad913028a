/** What Terraform would make, before it makes it: its own plan of this very launch. */
import type { LaunchReport } from "@/api/schema";
import { price } from "@/format/money";
import { useTranslation } from "@/i18n/useTranslation";
import { Bones } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { kindOf } from "@/parts/TerraformLog";

interface TerraformPlanProps {
  readonly report: LaunchReport | undefined;
  readonly error: unknown;
}

export function TerraformPlan({ report, error }: TerraformPlanProps) {
  const { t } = useTranslation();
  if (error) return <ProblemNote error={error} />;
  return (
    <section className="terraform-plan" aria-label={t("launch.terraformPlan")} aria-busy={!report}>
      <strong>{t("launch.terraformPlan")}</strong>
      {report ? (
        <>
          <p className="num">
            {t("launch.planCost", {
              total: price(report.total_usd_per_hour),
              onDemand: price(report.on_demand_usd_per_hour),
            })}
          </p>
          <ul className="paths mono" aria-label={t("launch.resources")}>
            {report.resources.map((row) => (
              <li key={row.address}>
                <span className="text tone-good">{row.action === "create" ? "+" : row.action}</span> {row.address}{" "}
                {row.shared ? <span className="quiet">{t("launch.shared")}</span> : null}
              </li>
            ))}
          </ul>
          <div className="term term-short" role="log" aria-label={t("launch.planLines")} tabIndex={0}>
            {report.lines.map((line, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the lines of one plan never change their order
              <div key={place} className={`term-plain term-${kindOf(line, "")}`}>
                {line}
              </div>
            ))}
          </div>
        </>
      ) : (
        <Bones lines={4} />
      )}
    </section>
  );
}
