import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { actions } from "@/api/actions";
import { useReadOnly } from "@/api/session";
import { useTranslation } from "@/i18n/useTranslation";
import { TopicChoice } from "@/pages/notifications/TopicChoice";
import type { Topic } from "@/pages/notifications/topic";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";

/** How the best known services are written; any other that apprise knows is taken too. */
const SERVICES = {
  email: "mailtos://user:password@smtp.example.com?to=me@example.com",
  slack: "https://hooks.slack.com/services/T000/B000/XXXX",
  discord: "https://discord.com/api/webhooks/ID/TOKEN",
  telegram: "tgram://BOT_TOKEN/CHAT_ID",
  ntfy: "ntfys://ntfy.sh/TOPIC",
  webhook: "jsons://example.com/hook",
  other: "service://…",
} as const;
type Service = keyof typeof SERVICES;

export function AddTarget() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const readOnly = useReadOnly();
  const [service, setService] = useState<Service>("email");
  const [address, setAddress] = useState("");
  const [name, setName] = useState("");
  const [topics, setTopics] = useState<Topic[]>([]);
  const adding = useMutation({
    mutationFn: () => actions.addTarget({ address: address.trim(), name: name.trim(), topics }),
    onSuccess: () => {
      setAddress("");
      setName("");
      return client.invalidateQueries({ queryKey: ["targets"] });
    },
  });
  const why = readOnly ?? (address.trim() ? undefined : t("notifications.noAddress"));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!why) adding.mutate();
  };
  return (
    <Card title={t("notifications.add")}>
      <form className="wizard" onSubmit={submit}>
        <label className="field">
          <span>{t("notifications.service")}</span>
          <select className="select" value={service} onChange={(event) => setService(event.target.value as Service)}>
            {(Object.keys(SERVICES) as Service[]).map((one) => (
              <option key={one} value={one}>
                {t(`notifications.services.${one}`)}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{t("notifications.address")}</span>
          <input
            className="input mono"
            autoComplete="off"
            spellCheck={false}
            placeholder={SERVICES[service]}
            value={address}
            onChange={(event) => setAddress(event.target.value)}
          />
          <span className="field-hint">
            {t("notifications.addressHint")} <code>{SERVICES[service]}</code>
          </span>
        </label>
        <label className="field">
          <span>
            {t("signIn.name")} ({t("settings.optional")})
          </span>
          <input className="input" value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        <TopicChoice chosen={topics} choose={setTopics} />
        {adding.error ? <ProblemNote error={adding.error} /> : null}
        <Button type="submit" busy={adding.isPending} why={why}>
          {t("notifications.addVerb")}
        </Button>
      </form>
    </Card>
  );
}
