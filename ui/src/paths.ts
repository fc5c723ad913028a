/** Every address of the dashboard. Routes and links are both made of these, so that no path is spelt twice. */
const part = encodeURIComponent;

export const paths = {
  signIn: () => "/sign-in",
  overview: () => "/",
  launch: () => "/launch",
  jobs: () => "/jobs",
  job: (name: string) => `/jobs/${part(name)}`,
  services: () => "/services",
  service: (name: string) => `/services/${part(name)}`,
  instances: () => "/instances",
  instance: (id: string) => `/instances/${part(id)}`,
  events: () => "/events",
  market: () => "/market",
  simulate: () => "/simulate",
  notifications: () => "/notifications",
  settings: () => "/settings",
} as const;

/** The same, as patterns for the router. */
export const patterns = { job: "/jobs/:name", service: "/services/:name", instance: "/instances/:id" } as const;
