/** The rows as a table shows them now, for an export at the moment of the click. */
import { useCallback, useRef } from "react";

export function useShown<Row>() {
  const rows = useRef<readonly Row[]>([]);
  const keep = useCallback((now: readonly Row[]) => {
    rows.current = now;
  }, []);
  const shown = useCallback(() => rows.current, []);
  return [shown, keep] as const;
}
