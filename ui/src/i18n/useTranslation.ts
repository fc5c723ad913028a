/**
 * The words of the language that is chosen. In place of react-i18next's hook, which copies the whole of i18next for
 * each component that uses it: that was a fifth of what a row of a table cost.
 */
import i18next, { type TFunction } from "i18next";
import { useSyncExternalStore } from "react";

export function useTranslation(): { readonly t: TFunction; readonly language: string } {
  const language = useSyncExternalStore(subscribe, chosen);
  return { t: words(language), language };
}

function subscribe(listener: () => void): () => void {
  i18next.on("languageChanged", listener);
  return () => i18next.off("languageChanged", listener);
}

const chosen = (): string => i18next.language;
const known = new Map<string, TFunction>();

/** One function a language, so that what was made by it stays good. */
function words(language: string): TFunction {
  const t = known.get(language) ?? i18next.getFixedT(language);
  known.set(language, t);
  return t;
}
