/** Korean: a file a subject, one tree of keys. */
import events from "@/i18n/ko/events.json";
import instances from "@/i18n/ko/instances.json";
import jobs from "@/i18n/ko/jobs.json";
import launch from "@/i18n/ko/launch.json";
import market from "@/i18n/ko/market.json";
import notifications from "@/i18n/ko/notifications.json";
import overview from "@/i18n/ko/overview.json";
import services from "@/i18n/ko/services.json";
import settings from "@/i18n/ko/settings.json";
import shell from "@/i18n/ko/shell.json";
import signIn from "@/i18n/ko/signIn.json";
import simulate from "@/i18n/ko/simulate.json";
import states from "@/i18n/ko/states.json";

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
