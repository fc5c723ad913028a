import { useEffect } from "react";

const PRODUCT = "Keep Your Cost";

/** Name the browser's tab after what is shown. */
export function useTitle(name: string): void {
  useEffect(() => {
    document.title = name ? `${name} · ${PRODUCT}` : PRODUCT;
  }, [name]);
}
