/**
 * What the keys do and what the signs mean.
 */
import { useEffect, useRef } from "preact/hooks";
import { KEYS } from "../app/keyboard.ts";
import type { Store } from "../app/page-store.ts";

const SIGNS: readonly (readonly [string, string])[] = [
  ["Crown", "coordinator; hollow while it has no quorum"],
  [
    "Arcs around a node",
    "one for each node that watches it: fills with silence, broken when suspected, solid when given up",
  ],
  ["Dashed red ray", "the network is cut there; a bar across a line: that link alone"],
  ["Cross", "lost on its way, or a process that is gone"],
  ["Hatching", "frozen node; in the diagram also a message that waits for its causes"],
];

export function Help({ store }: { readonly store: Store }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const close = (): void => {
    store.isHelpOpen = false;
    store.changed();
  };
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={close}>
      <h2 id="help-title">Keys</h2>
      <dl>
        {KEYS.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <h2>Signs</h2>
      <dl>
        {SIGNS.map(([sign, meaning]) => (
          <div key={sign}>
            <dt>{sign}</dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="primary" onClick={close}>
        Close
      </button>
    </dialog>
  );
}
