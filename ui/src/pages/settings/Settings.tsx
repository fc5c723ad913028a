import { useMe } from "@/api/session";
import { useTranslation } from "@/i18n/useTranslation";
import { About } from "@/pages/settings/About";
import { Budgets } from "@/pages/settings/Budgets";
import { Clouds } from "@/pages/settings/Clouds";
import { People } from "@/pages/settings/People";
import { Stream } from "@/pages/settings/Stream";
import { Page } from "@/parts/layout";
import { Tabs } from "@/parts/Tabs";
import { useAddress } from "@/parts/useAddress";

type TabId = "clouds" | "stream" | "budgets" | "people" | "about";
const TABS: readonly TabId[] = ["clouds", "stream", "budgets", "people", "about"];

export function Settings() {
  const { t } = useTranslation();
  const admin = useMe()?.role === "admin";
  const [tab, choose] = useAddress<TabId>("tab", "clouds");
  const tabs = TABS.filter((id) => admin || id !== "people");
  return (
    <Page title={t("nav.settings")}>
      <Tabs
        label={t("nav.settings")}
        tabs={tabs.map((id) => ({ id, label: t(`settings.tab.${id}`) }))}
        chosen={tab}
        choose={choose}
      >
        {tab === "clouds" ? <Clouds /> : null}
        {tab === "stream" ? <Stream /> : null}
        {tab === "budgets" ? <Budgets /> : null}
        {tab === "people" && admin ? <People /> : null}
        {tab === "about" ? <About /> : null}
      </Tabs>
    </Page>
  );
}
