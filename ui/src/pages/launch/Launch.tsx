/** Launch a job or a service from a form and its file side by side, or bare instances of one offer. */
import { useTranslation } from "@/i18n/useTranslation";
import { LaunchInstances } from "@/pages/launch/LaunchInstances";
import { LaunchJob } from "@/pages/launch/LaunchJob";
import { LaunchService } from "@/pages/launch/LaunchService";
import { Page } from "@/parts/layout";
import { Tabs } from "@/parts/Tabs";
import { useAddress } from "@/parts/useAddress";

type What = "job" | "service" | "instances";

export function Launch() {
  const { t } = useTranslation();
  const [what, choose] = useAddress<What>("what", "job");
  return (
    <Page title={t("nav.launch")} note={t("launch.note")}>
      <Tabs
        label={t("launch.what")}
        tabs={[
          { id: "job", label: t("launch.job") },
          { id: "service", label: t("launch.service") },
          { id: "instances", label: t("launch.instances") },
        ]}
        chosen={what}
        choose={choose}
      >
        {what === "job" ? <LaunchJob /> : null}
        {what === "service" ? <LaunchService /> : null}
        {what === "instances" ? <LaunchInstances /> : null}
      </Tabs>
    </Page>
  );
}
