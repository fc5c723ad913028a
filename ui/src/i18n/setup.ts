/** English is in the first load; another language is fetched when it is chosen. */
import i18next from "i18next";
import en from "@/i18n/en";

export const LANGUAGES = { en: "English", ko: "한국어" } as const;
export type Language = keyof typeof LANGUAGES;
const KEY = "kyc.language";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: typeof en };
  }
}

export async function setUpLanguage(): Promise<void> {
  await i18next.init({
    lng: "en",
    fallbackLng: "en",
    showSupportNotice: false,
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false }, // React escapes
  });
  const kept = localStorage.getItem(KEY);
  if (kept === "ko" || (kept === null && navigator.language.startsWith("ko"))) await chooseLanguage("ko");
}

export async function chooseLanguage(language: Language): Promise<void> {
  if (language === "ko" && !i18next.hasResourceBundle("ko", "translation")) {
    const { default: ko } = await import("@/i18n/ko");
    i18next.addResourceBundle("ko", "translation", ko);
  }
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  localStorage.setItem(KEY, language);
}
