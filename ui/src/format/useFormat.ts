/** The formats in the language that is chosen. */
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import * as money from "@/format/money";
import { once } from "@/format/once";
import * as time from "@/format/time";

const numbers = once((language: string) => new Intl.NumberFormat(language));

export function useFormat() {
  const { i18n } = useTranslation();
  const language = i18n.language;
  return useMemo(
    () => ({
      usd: (amount: number) => money.usd(amount, language),
      price: (amount: number) => money.price(amount, language),
      percent: (share: number) => money.percent(share, language),
      number: (value: number) => numbers(language).format(value),
      clock: (at: string) => time.clock(at, language),
      moment: (at: string) => time.moment(at, language),
    }),
    [language],
  );
}
