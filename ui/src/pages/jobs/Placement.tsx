/** Why the job is where it is: the offer that was taken, and what was considered beside it. */
import { useQuery } from "@tanstack/react-query";
import { queries } from "@/api/queries";
import type { WorkloadDetail } from "@/api/schema";
import { price, usd } from "@/format/money";
import { useTranslation } from "@/i18n/useTranslation";
import { Card, Facts } from "@/parts/layout";

interface Considered {
  readonly offer: string;
  readonly price_usd_per_hour: number;
  readonly expected_usd: number;
}

export function Placement({ job }: { readonly job: WorkloadDetail }) {
  const { t } = useTranslation();
  const newest = job.attempts.at(-1);
  const { data } = useQuery({ ...queries.about(newest?.instance ?? ""), enabled: newest !== undefined });
  const request = data?.find((event) => event.kind === "instance.requested");
  if (!request || !newest) return null;
  const told = request.data as unknown as Considered & {
    others?: Considered[];
    considered?: number;
    price_source?: string;
  };
  return (
    <Card
      title={t("job.placement")}
      aside={<span className="quiet">{t("job.considered", { count: told.considered ?? 0 })}</span>}
    >
      <Facts
        rows={[
          [t("job.because"), request.reason],
          ...(job.row.course_reason ? [[t("job.course"), job.row.course_reason] as const] : []),
          [
            t("job.offer"),
            <span key="o" className="mono">
              {told.offer}
            </span>,
          ],
          [
            t("job.priceThen"),
            `${t("offer.perHour", { price: price(told.price_usd_per_hour) })} · ${told.price_source ?? ""}`,
          ],
          ...(told.others ?? []).map(
            (other) =>
              [
                t("job.instead"),
                <span key={other.offer}>
                  <span className="mono">{other.offer}</span>{" "}
                  <span className="quiet num">
                    {t("offer.perHour", { price: price(other.price_usd_per_hour) })} ·{" "}
                    {t("job.expected", { usd: usd(other.expected_usd) })}
                  </span>
                </span>,
              ] as const,
          ),
        ]}
      />
    </Card>
  );
}
