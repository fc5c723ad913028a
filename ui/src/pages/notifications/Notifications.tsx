/** What one is told, by topic, and where it is sent. */
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { CheckCheck } from "lucide-react";
import { actions } from "@/api/actions";
import { queries } from "@/api/queries";
import { useTranslation } from "@/i18n/useTranslation";
import { NotificationList } from "@/pages/notifications/NotificationList";
import { Targets } from "@/pages/notifications/Targets";
import { isTopic, TOPICS, type Topic } from "@/pages/notifications/topic";
import { Button } from "@/parts/Button";
import { Page } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { Tabs } from "@/parts/Tabs";
import { useAddress } from "@/parts/useAddress";

type TabId = "all" | Topic | "targets";
const TABS: readonly TabId[] = ["all", ...TOPICS, "targets"];

export function Notifications() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [tab, choose] = useAddress<TabId>("tab", "all");
  const data = useInfiniteQuery(queries.notifications("")).data?.pages[0];
  const newest = data?.rows[0]?.seq;
  const reading = useMutation({
    mutationFn: (seq: number) => actions.markRead(seq),
    onSuccess: () => client.invalidateQueries({ queryKey: ["notifications"] }),
  });
  const counts: Readonly<Record<string, number>> = data?.unread_by_topic ?? {};
  const countOf = (id: TabId) => (id === "all" ? data?.unread : id === "targets" ? undefined : (counts[id] ?? 0));
  return (
    <Page
      title={t("notifications.title")}
      note={t("notifications.note")}
      actions={
        <Button
          icon={<CheckCheck size={15} aria-hidden />}
          busy={reading.isPending}
          why={data && data.unread > 0 && newest !== undefined ? undefined : t("notifications.nothingNew")}
          onClick={() => newest !== undefined && reading.mutate(newest)}
        >
          {t("notifications.markAll")}
        </Button>
      }
    >
      {reading.error ? <ProblemNote error={reading.error} /> : null}
      <Tabs
        label={t("notifications.topics")}
        tabs={TABS.map((id) => ({ id, label: t(`notifications.tab.${id}`), count: countOf(id) || undefined }))}
        chosen={tab}
        choose={choose}
      >
        {tab === "targets" ? <Targets /> : <NotificationList topic={isTopic(tab) ? tab : null} />}
      </Tabs>
    </Page>
  );
}
