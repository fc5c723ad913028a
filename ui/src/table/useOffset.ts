/** Where a list begins, for what draws only what is in sight: how far below the page's top, and how wide it is. */
import { useLayoutEffect, useRef, useState } from "react";

export function useOffset<Element extends HTMLElement>() {
  const body = useRef<Element>(null);
  const [place, setPlace] = useState({ offset: 0, width: 0 });
  useLayoutEffect(() => {
    const measure = () => {
      const box = body.current?.getBoundingClientRect();
      const now = { offset: (box?.top ?? 0) + window.scrollY, width: box?.width ?? 0 };
      setPlace((known) => (known.offset === now.offset && known.width === now.width ? known : now));
    };
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(document.body);
    return () => watch.disconnect();
  }, []);
  return { body, ...place };
}
