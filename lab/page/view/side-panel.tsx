/**
 * The panel at the right: one thing at a time, chosen by tabs.
 */
import type { Tab } from "../app/page-store.ts";
import type { Shared } from "./app.tsx";
import { BreakIt } from "./break-it.tsx";
import { Course } from "./course.tsx";
import { Credits } from "./credits.tsx";
import { Inspect } from "./inspect.tsx";
import { TryIt } from "./try-it.tsx";
import { Verdicts } from "./verdicts.tsx";

const NAMES: Readonly<Record<Tab, string>> = {
  try: "Try",
  verdict: "Verdict",
  inspect: "Inspect",
  credits: "Credits",
  break: "Break it",
  experiments: "Course",
};

export function SidePanel(shared: Shared) {
  const { store } = shared;
  const { tabs } = store;
  const tab = tabs.includes(store.tab) ? store.tab : (tabs[0] ?? "inspect");
  const choose = (next: Tab | undefined): void => {
    if (next === undefined) return;
    store.tab = next;
    store.changed();
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <aside>
      <div role="tablist" aria-label="Panels">
        {tabs.map((name, n) => (
          <button
            key={name}
            id={`tab-${name}`}
            type="button"
            role="tab"
            aria-selected={tab === name}
            aria-controls="panel"
            tabIndex={tab === name ? 0 : -1}
            onClick={() => choose(name)}
            onKeyDown={(event) => {
              if (event.key === "ArrowRight") choose(tabs[(n + 1) % tabs.length]);
              if (event.key === "ArrowLeft") choose(tabs[(n + tabs.length - 1) % tabs.length]);
            }}
          >
            {NAMES[name]}
          </button>
        ))}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: without it, the keyboard can't scroll a panel that has nothing to press */}
      <div id="panel" role="tabpanel" aria-labelledby={`tab-${tab}`} tabIndex={0}>
        {tab !== "try" && tab !== "verdict" && <h2 class="unseen">{NAMES[tab]}</h2>}
        {tab === "try" && <TryIt {...shared} />}
        {tab === "verdict" && <Verdicts {...shared} />}
        {tab === "inspect" && <Inspect {...shared} />}
        {tab === "credits" && <Credits {...shared} />}
        {tab === "break" && <BreakIt {...shared} />}
        {tab === "experiments" && <Course {...shared} />}
      </div>
    </aside>
  );
}
