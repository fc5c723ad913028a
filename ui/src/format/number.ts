/** Numbers as people read them, the same in every language here. Not by `Intl`: its first use costs a page 100 ms. */

/** `1,234.5`: with so many digits behind the point at the most, and at the least. */
export function number(value: number, most = 3, least = 0): string {
  const [whole = "", digits = ""] = Math.abs(value).toFixed(most).split(".");
  const kept = digits.slice(0, least) + digits.slice(least).replace(/0+$/, "");
  const text = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",") + (kept && `.${kept}`);
  return value < 0 && /[1-9]/.test(text) ? `-${text}` : text;
}

export const percent = (share: number, most = 0): string => `${number(share * 100, most)}%`;
