import { useSyncExternalStore } from "react";

const WIDE = "(min-width: 1420px)";
const MIDDLE = "(min-width: 1120px)";

/** How many priorities of columns there is room for: 1 on a phone, 3 on a wide screen. */
export function useRoom(): 1 | 2 | 3 {
  return useSyncExternalStore(subscribe, room);
}

const room = (): 1 | 2 | 3 => (matchMedia(WIDE).matches ? 3 : matchMedia(MIDDLE).matches ? 2 : 1);

function subscribe(listener: () => void): () => void {
  const queries = [matchMedia(WIDE), matchMedia(MIDDLE)];
  for (const query of queries) query.addEventListener("change", listener);
  return () => {
    for (const query of queries) query.removeEventListener("change", listener);
  };
}
