/**
 * Says aloud what marks the time line as time passes it: who leads now, what broke, what is whole again.
 */
import { useRef } from "preact/hooks";
import type { Store } from "../app/page-store.ts";

/** More at once is noise: the last ones are said. */
const SAID_MAX = 2;

export function Announcer({ store }: { readonly store: Store }) {
  const said = useRef({ atMs: Number.NaN, text: "" });
  const { atMs } = store;
  const before = said.current.atMs;
  if (atMs > before && atMs - before < 5_000) {
    const passed = store.history.marks
      .within(before + 0.001, atMs)
      .filter((mark) => mark.kind !== "election" && mark.kind !== "step");
    if (passed.length > 0)
      said.current.text = passed
        .slice(-SAID_MAX)
        .map((mark) => mark.text)
        .join(". ");
  }
  said.current.atMs = atMs;
  return (
    <div class="unseen" role="status" aria-live="polite">
      {said.current.text}
    </div>
  );
}
