import { X } from "lucide-react";
import { Dialog } from "radix-ui";
import type { EventRow } from "@/api/schema";
import { moment } from "@/format/time";
import { useTranslation } from "@/i18n/useTranslation";
import { Button } from "@/parts/Button";
import { Facts } from "@/parts/layout";
import { useReturn } from "@/parts/useReturn";

export function EventDetail({ event, close }: { readonly event: EventRow | null; readonly close: () => void }) {
  const { t } = useTranslation();
  const back = useReturn();
  return (
    <Dialog.Root open={event !== null} onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="veil" />
        <Dialog.Content className="drawer" aria-describedby={undefined} {...back}>
          <header className="drawer-head">
            <Dialog.Title>{event?.kind}</Dialog.Title>
            <Dialog.Close asChild>
              <Button kind="ghost" aria-label={t("action.close")} icon={<X size={16} aria-hidden />} />
            </Dialog.Close>
          </header>
          {event ? (
            <>
              <Facts
                rows={[
                  [
                    t("events.seq"),
                    <span key="s" className="num">
                      {event.seq}
                    </span>,
                  ],
                  [t("events.at"), moment(event.at)],
                  [
                    t("events.subject"),
                    <span key="u" className="mono">
                      {event.subject}
                    </span>,
                  ],
                  [t("events.reason"), event.reason || "–"],
                ]}
              />
              <pre className="code">{JSON.stringify(event.data, null, 2)}</pre>
            </>
          ) : null}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
