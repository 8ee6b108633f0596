/**
 * The header shows the essentials: which run, live or replayed, who leads, whether every credit is there, and the verdict.
 */

import { worstOf } from "../../check/verdict.ts";
import type { Store, Theme } from "../app/page-store.ts";
import { type Conservation, judgeConservation } from "../model/conservation.ts";
import { describeLeadership } from "../model/headline.ts";
import type { Shared } from "./app.tsx";
import { Icon } from "./icons.tsx";

const THEMES: readonly Theme[] = ["auto", "light", "dark"];
const SIGNS = { agreed: <Icon name="crown" />, provisional: "?", disputed: "≠", none: "…" } as const;

export function Header({ store }: Shared) {
  const { facts, about, checks, playback } = store;
  const headline = describeLeadership(store.state);
  const verdict = about?.verdict ?? (checks.length > 0 ? worstOf(checks) : null);
  const isLive = playback.mode === "live";
  const isPlayed = store.world !== null;
  // A page that shows nothing of the present says so; one that stands still where the present was is paused.
  const isHeld = isPlayed ? playback.isAtHead : playback.mode === "paused";
  return (
    <header>
      <h1 title={about?.title ?? facts.lab}>
        energy-lab <span class="run">{about?.title ?? facts.lab}</span>
      </h1>
      <button
        type="button"
        class={`badge ${isLive ? "live" : ""}`}
        onClick={() => store.follow()}
        disabled={!playback.canFollow}
        title={playback.canFollow ? "Follow the live run (L)" : "A stored run"}
      >
        <Icon name={isLive ? "live" : "play"} />{" "}
        {isLive ? "LIVE" : !playback.canFollow ? "REPLAY" : isHeld ? "PAUSED" : "THE PAST"}
      </button>
      <p class={`headline ${headline.state}`} title={headline.text}>
        <span aria-hidden="true">{SIGNS[headline.state]}</span> {headline.text}
      </p>
      {verdict !== null && (
        <button type="button" class={`verdict ${verdict}`} onClick={() => show(store)}>
          <span aria-hidden="true">{verdict === "valid" ? "✓" : verdict === "invalid" ? "✕" : "?"}</span>{" "}
          {isPlayed ? `broken: ${checks[0]?.check}` : verdict}
        </button>
      )}
      {isPlayed && verdict === null && (
        <p class="light kept" title="Every line is checked as it is written">
          <span class="lamp" aria-hidden="true">
            ✓
          </span>
          <span>
            all promises kept <small>so far, in {store.history.end} lines</small>
          </span>
        </p>
      )}
      <Light conservation={conservationOf(store)} isLate={store.beginsLate} />
      <div class="spacer" />
      <ThemeButton store={store} />
      <button
        type="button"
        class="plain"
        aria-haspopup="dialog"
        title="Keys (?)"
        onClick={() => {
          store.isHelpOpen = true;
          store.changed();
        }}
      >
        ? <span class="unseen">help</span>
      </button>
    </header>
  );
}

function ThemeButton({ store }: { readonly store: Store }) {
  return (
    <button
      type="button"
      class="plain"
      onClick={() => {
        store.theme = THEMES[(THEMES.indexOf(store.theme) + 1) % THEMES.length] as Theme;
        store.changed(true);
      }}
      title="Light or dark"
    >
      <span class="unseen">Theme: </span>
      {store.theme === "auto" ? "Auto" : store.theme === "light" ? "Light" : "Dark"}
    </button>
  );
}

export function conservationOf(store: Store): Conservation {
  const words = new Map<number, number>();
  for (const { id, says } of store.snapshot?.nodes ?? []) if (says !== null) words.set(id, says.sum);
  return judgeConservation(store.state, words, store.beginsLate);
}

/** The conservation light: a sign and a word beside its colour. */
export function Light({ conservation, isLate }: { readonly conservation: Conservation; readonly isLate: boolean }) {
  const { light, issued, inFlight, text } = conservation;
  const sign = light === "kept" ? "✓" : light === "broken" ? "✕" : "?";
  const words =
    light === "kept" ? "credits conserved" : light === "broken" ? "credits NOT conserved" : "credits unknown";
  return (
    <p class={`light ${light}`} title={text}>
      <span class="lamp" aria-hidden="true">
        {sign}
      </span>
      <span>
        {words}
        <small>
          {light === "broken"
            ? text
            : `${issued} ${isLate ? "in each copy" : "issued"}${inFlight > 0 ? `, ${inFlight} on their way` : ""}`}
        </small>
      </span>
    </p>
  );
}

function show(store: Store): void {
  store.tab = "verdict";
  store.changed();
}
