/** Which page an address shows. Each page but the first is loaded when it is first opened. */
import { useQuery } from "@tanstack/react-query";
import { createBrowserRouter, Navigate, useLocation, useRouteError } from "react-router";
import { sessionQuery } from "@/api/session";
import { Shell } from "@/app/Shell";
import { NotFound } from "@/pages/NotFound";
import { Overview } from "@/pages/overview/Overview";
import { SignIn } from "@/pages/SignIn";
import { Bones } from "@/parts/layout";
import { ProblemNote } from "@/parts/Problem";
import { paths, patterns } from "@/paths";

export const router = createBrowserRouter([
  { path: paths.signIn(), Component: SignIn },
  {
    Component: Guarded,
    ErrorBoundary: Failed,
    HydrateFallback: () => null,
    children: [
      { path: paths.overview(), Component: Overview },
      { path: paths.jobs(), lazy: { Component: async () => (await import("@/pages/jobs/Jobs")).Jobs } },
      { path: patterns.job, lazy: { Component: async () => (await import("@/pages/jobs/Job")).Job } },
      {
        path: paths.instances(),
        lazy: { Component: async () => (await import("@/pages/instances/Instances")).Instances },
      },
      {
        path: patterns.instance,
        lazy: { Component: async () => (await import("@/pages/instances/Instance")).Instance },
      },
      { path: paths.events(), lazy: { Component: async () => (await import("@/pages/events/Events")).Events } },
      { path: paths.launch(), lazy: { Component: async () => (await import("@/pages/launch/Launch")).Launch } },
      { path: paths.services(), lazy: { Component: async () => (await import("@/pages/services/Services")).Services } },
      { path: patterns.service, lazy: { Component: async () => (await import("@/pages/services/Service")).Service } },
      { path: paths.market(), lazy: { Component: async () => (await import("@/pages/market/Market")).Market } },
      { path: paths.simulate(), lazy: { Component: async () => (await import("@/pages/simulate/Simulate")).Simulate } },
      {
        path: paths.notifications(),
        lazy: { Component: async () => (await import("@/pages/notifications/Notifications")).Notifications },
      },
      { path: paths.settings(), lazy: { Component: async () => (await import("@/pages/settings/Settings")).Settings } },
      { path: "*", Component: NotFound },
    ],
  },
]);

/** Only for who is signed in; afterwards one is back where one was. */
function Guarded() {
  const { data, error } = useQuery(sessionQuery);
  const location = useLocation();
  if (data?.me) return <Shell />;
  if (data) return <Navigate to={paths.signIn()} replace state={{ from: location.pathname + location.search }} />;
  return <div className="page">{error ? <ProblemNote error={error} /> : <Bones lines={6} />}</div>;
}

function Failed() {
  return (
    <div className="page">
      <ProblemNote error={useRouteError()} />
    </div>
  );
}
