/** English: a file a subject, one tree of keys. */
import events from "@/i18n/en/events.json";
import instances from "@/i18n/en/instances.json";
import jobs from "@/i18n/en/jobs.json";
import launch from "@/i18n/en/launch.json";
import market from "@/i18n/en/market.json";
import notifications from "@/i18n/en/notifications.json";
import overview from "@/i18n/en/overview.json";
import services from "@/i18n/en/services.json";
import settings from "@/i18n/en/settings.json";
import shell from "@/i18n/en/shell.json";
import signIn from "@/i18n/en/signIn.json";
import simulate from "@/i18n/en/simulate.json";
import states from "@/i18n/en/states.json";

export default {
  ...events,
  ...instances,
  ...jobs,
  ...launch,
  ...market,
  ...notifications,
  ...overview,
  ...services,
  ...settings,
  ...shell,
  ...signIn,
  ...simulate,
  ...states,
};
