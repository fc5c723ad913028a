/** Money as people read it: small prices keep the digits that tell them apart. */
import { number } from "@/format/number";

export function usd(amount: number): string {
  const size = Math.abs(amount);
  const digits = size === 0 || size >= 1 ? 2 : size >= 0.01 ? 3 : size >= 0.0001 ? 5 : 6;
  return dollars(amount, 2, digits);
}

/** A price per hour: four digits behind the point, as the clouds print them. */
export const price = (amount: number): string => dollars(amount, 4, 4);

/** What share of the on-demand price is saved; null where that is not known. */
export function saving(spent: number, onDemand: number | null): number | null {
  return onDemand !== null && onDemand > 0 ? 1 - spent / onDemand : null;
}

const dollars = (amount: number, least: number, most: number): string =>
  number(amount, most, least).replace(/^-?/, (sign) => `${sign}$`);
