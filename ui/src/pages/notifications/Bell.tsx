/** The bell in the shell: how much one has not seen yet. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Bell as Icon } from "lucide-react";
import { Link } from "react-router";
import { queries } from "@/api/queries";
import { useTranslation } from "@/i18n/useTranslation";
import { Tip } from "@/parts/Button";
import { paths } from "@/paths";

const MOST = 99;

export function Bell() {
  const { t } = useTranslation();
  const { data } = useInfiniteQuery(queries.notifications(""));
  const unread = data?.pages[0]?.unread ?? 0;
  const label = t("notifications.bell", { count: unread });
  return (
    <Tip text={label}>
      <Link className="btn btn-ghost btn-icon bell" to={paths.notifications()}>
        <Icon size={17} aria-hidden />
        <span className="unseen">{label}</span>
        {unread > 0 ? (
          <span className="bell-count num" aria-hidden>
            {unread > MOST ? `${MOST}+` : unread}
          </span>
        ) : null}
      </Link>
    </Tip>
  );
}
