/** The theme: the system's until a person chooses. `public/first.js` sets it before the first paint. */
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";
const KEY = "kyc.theme";
const listeners = new Set<() => void>();

export const themeNow = (): Theme => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");

export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(KEY, theme);
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, themeNow);
}
