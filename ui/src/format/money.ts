/** Money as people read it: small prices keep the digits that tell them apart. */
import { once } from "@/format/once";

export function usd(amount: number, language: string): string {
  const size = Math.abs(amount);
  const digits = size === 0 || size >= 1 ? 2 : size >= 0.01 ? 3 : size >= 0.0001 ? 5 : 6;
  return format(amount, language, 2, digits);
}

/** A price per hour: four digits behind the point, as the clouds print them. */
export function price(amount: number, language: string): string {
  return format(amount, language, 4, 4);
}

export function percent(share: number, language: string): string {
  return percents(language).format(share);
}

/** What share of the on-demand price is saved; null where that is not known. */
export function saving(spent: number, onDemand: number | null): number | null {
  return onDemand !== null && onDemand > 0 ? 1 - spent / onDemand : null;
}

function format(amount: number, language: string, least: number, most: number): string {
  return amounts(language, least, most).format(amount);
}

const percents = once(
  (language: string) => new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }),
);
const amounts = once(
  (language: string, least: number, most: number) =>
    new Intl.NumberFormat(language, {
      style: "currency",
      currency: "USD",
      currencyDisplay: "narrowSymbol",
      minimumFractionDigits: least,
      maximumFractionDigits: most,
    }),
);
