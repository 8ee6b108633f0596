/**
 * Ties between the store and what Preact draws.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Store } from "../app/page-store.ts";

/** Draws the component again when anything has changed, at most once a frame. */
export function useStore(store: Store): void {
  const [, redraw] = useState(0);
  useEffect(() => {
    let handle = 0;
    const unsubscribe = store.subscribe(() => {
      if (handle !== 0) return;
      handle = requestAnimationFrame(() => {
        handle = 0;
        redraw((count) => count + 1);
      });
    });
    return () => {
      unsubscribe();
      cancelAnimationFrame(handle);
    };
  }, [store]);
}

/** The newest value, for callbacks that outlive a drawing. */
export function useLatest<T>(value: T): { readonly current: T } {
  const ref = useRef(value);
  ref.current = value;
  return ref;
}

const reduced = window.matchMedia("(prefers-reduced-motion: reduce)");

/** Read each time: people change it while the page is open. */
export function wantsStillness(): boolean {
  return reduced.matches;
}
