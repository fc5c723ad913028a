// Runs before anything is painted, so that the page never flashes in the other theme; and asks at once for what the
// page begins with, while its scripts come (`src/api/early.ts` takes the answers).
document.documentElement.dataset.theme =
  localStorage.getItem("kyc.theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
document.documentElement.lang = localStorage.getItem("kyc.language") || "en";

const everywhere = ["/session", "/events?tail=1000", "/notifications"];
const overview = ["/cost?by=workload", "/cost?by=day", "/workloads", "/instances?all=true", "/overview", "/services"];
window.kycEarly = Object.fromEntries(
  (location.pathname === "/sign-in" ? [] : location.pathname === "/" ? [...everywhere, ...overview] : everywhere).map(
    (path) => [`/api/v1${path}`, fetch(`/api/v1${path}`).catch(() => null)],
  ),
);
