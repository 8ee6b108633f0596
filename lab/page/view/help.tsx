/** The help dialog: keys, signs and the glossary. */
import { useEffect, useRef } from "preact/hooks";
import { GLOSSARY, WORDS_FILE } from "../../base/glossary.ts";
import { KEYS } from "../app/keyboard.ts";
import type { Store } from "../app/page-store.ts";

const SIGNS: readonly (readonly [string, string])[] = [
  ["Crown", "coordinator; hollow: provisional, without a majority of the voters"],
  [
    "Arcs around a node",
    "one for each other node: it fills while that node hears nothing, breaks when it suspects, is solid when it declares this node FAILED",
  ],
  ["Dashed red ray", "partition; a bar across a single line: only that link is cut"],
  ["Cross", "lost message, or killed process"],
  ["Hatching", "paused node; in the diagram also a payment that is held back"],
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
      <h2>Words</h2>
      <dl>
        {GLOSSARY.map(({ term, definition }) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{definition}</dd>
          </div>
        ))}
      </dl>
      <p>
        More about each word: <code>{WORDS_FILE}</code>
      </p>
      <button type="button" class="primary" onClick={close}>
        Close
      </button>
    </dialog>
  );
}
