import { useTranslation } from "@/i18n/useTranslation";
import { TOPICS, type Topic, toggled } from "@/pages/notifications/topic";

interface TopicChoiceProps {
  /** Nothing chosen means everything. */
  readonly chosen: readonly string[];
  readonly choose: (topics: Topic[]) => void;
  readonly why?: string | undefined;
}

export function TopicChoice({ chosen, choose, why }: TopicChoiceProps) {
  const { t } = useTranslation();
  return (
    <fieldset className="radios" title={why}>
      <legend className="small">{t("notifications.toldOf")}</legend>
      {TOPICS.map((topic) => {
        const on = chosen.length === 0 || chosen.includes(topic);
        const last = on && chosen.length === 1;
        return (
          <label key={topic} className="check">
            <input
              type="checkbox"
              checked={on}
              disabled={why !== undefined || last}
              onChange={() => choose(toggled(chosen, topic))}
            />
            {t(`notifications.tab.${topic}`)}
          </label>
        );
      })}
    </fieldset>
  );
}
