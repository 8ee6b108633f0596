/**
 * The line of `lab` that an action equals, ready to be copied.
 */
import { useState } from "preact/hooks";
import type { Store } from "../app/page-store.ts";

export function CommandRow({ line, store }: { readonly line: string; readonly store: Store }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <div class="command">
      <code>{line}</code>
      <button
        type="button"
        class="plain"
        aria-label={`Copy ${line}`}
        onClick={() => {
          void copy(line).then((done) => {
            setCopied(done);
            setTimeout(() => {
              setCopied(false);
              store.changed();
            }, 1_500);
          });
        }}
      >
        {isCopied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

/** From file:// a browser may refuse its clipboard; the old way still works there. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
