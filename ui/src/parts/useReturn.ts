/** Brings the focus back to where one was before a dialog opened; Radix does so only for its own triggers. */
import { useRef } from "react";

export function useReturn() {
  const from = useRef<Element>(null);
  return {
    onOpenAutoFocus: () => {
      from.current = document.activeElement;
    },
    onCloseAutoFocus: (event: Event) => {
      event.preventDefault();
      if (from.current instanceof HTMLElement) from.current.focus();
    },
  };
}
