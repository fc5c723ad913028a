/** A choice that lives in the page's address, so that a reload and a link keep it. */
import { useCallback } from "react";
import { useSearchParams } from "react-router";

export function useAddress<T extends string = string>(
  name: string,
  usual: NoInfer<T>,
): readonly [T, (value: T) => void] {
  const [search, setSearch] = useSearchParams();
  const value = (search.get(name) as T | null) ?? usual;
  const choose = useCallback(
    (next: T) =>
      setSearch(
        (old) => {
          const changed = new URLSearchParams(old);
          if (next === usual) changed.delete(name);
          else changed.set(name, next);
          return changed;
        },
        { replace: true },
      ),
    [setSearch, name, usual],
  );
  return [value, choose];
}
