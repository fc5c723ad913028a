/** What if: a job or a service on a recording, by the code that decides live, beside other policies. */
import { useTranslation } from "@/i18n/useTranslation";
import { JobWhatIf } from "@/pages/simulate/JobWhatIf";
import { ServiceWhatIf } from "@/pages/simulate/ServiceWhatIf";
import { Page } from "@/parts/layout";
import { Tabs } from "@/parts/Tabs";
import { useAddress } from "@/parts/useAddress";

type What = "job" | "service";

export function Simulate() {
  const { t } = useTranslation();
  const [what, choose] = useAddress<What>("what", "job");
  return (
    <Page title={t("nav.simulate")} note={t("simulate.note")}>
      <Tabs
        label={t("simulate.what")}
        tabs={[
          { id: "job", label: t("simulate.job") },
          { id: "service", label: t("simulate.service") },
        ]}
        chosen={what}
        choose={choose}
      >
        {what === "job" ? <JobWhatIf /> : <ServiceWhatIf />}
      </Tabs>
    </Page>
  );
}
