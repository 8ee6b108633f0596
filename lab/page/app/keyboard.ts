/**
 * The page without a mouse. Keys act on the run wherever the focus is, except where the focused element needs them itself.
 */
import type { Store } from "./page-store.ts";

export const KEYS: readonly (readonly [string, string])[] = [
  ["Space", "play, pause"],
  ["← →", "previous, next event"],
  ["Shift ← →", "one second back, forward"],
  ["Home, End", "go to the beginning, to the end (or live)"],
  [", .", "slower, faster"],
  ["+ −", "zoom in, out"],
  ["z, Shift z", "zoom the timeline in, out"],
  ["n, p", "next, previous mark on the timeline"],
  ["L", "follow the live run"],
  ["1 … 5", "open a panel"],
  ["X", "move the focused node to the other side of a partition"],
  ["Esc", "clear the selection"],
  ["?", "show this help"],
];

export function listenToKeys(store: Store, target: Window): void {
  target.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const element = event.target instanceof HTMLElement ? event.target : null;
    if (element !== null && needsKey(element, event.key)) return;
    if (act(store, event.key, event.shiftKey)) event.preventDefault();
  });
}

function needsKey(element: HTMLElement, key: string): boolean {
  if (element.matches("input:not([type=range]):not([type=checkbox]), select, textarea")) return key !== "Escape";
  if (element.matches("input[type=range], [role=tab]"))
    return key.startsWith("Arrow") || key === "Home" || key === "End";
  if (element.matches("button, a, summary, input[type=checkbox], [role=button]")) return key === " " || key === "Enter";
  return element.closest("dialog") !== null && key !== "?";
}

/** @returns whether the key means anything */
export function act(store: Store, key: string, withShift: boolean): boolean {
  const { playback, bounds } = store;
  switch (key) {
    case " ":
      store.togglePlay();
      return true;
    case "ArrowLeft":
    case "ArrowRight": {
      const forwards = key === "ArrowRight";
      playback.pause();
      if (forwards && !withShift && playback.isAtHead && store.world !== null) {
        store.world.step();
        return true;
      }
      store.seek(withShift ? store.atMs + (forwards ? 1_000 : -1_000) : neighbourMs(store, forwards));
      return true;
    }
    case "Home":
      store.seek(bounds.beginMs);
      return true;
    case "End":
      if (playback.canFollow) store.follow();
      else store.seek(bounds.endMs);
      return true;
    case ",":
    case ".":
      playback.shift(key === "." ? 1 : -1);
      store.changed();
      return true;
    case "+":
    case "=":
      store.zoom(0.5);
      return true;
    case "-":
      store.zoom(2);
      return true;
    case "z":
    case "Z":
      store.zoomOverview(withShift ? 0.5 : 2);
      return true;
    case "n":
    case "p":
      seekMark(store, key === "n");
      return true;
    case "l":
    case "L":
      store.follow();
      return true;
    case "Escape":
      store.apart.clear();
      store.isHelpOpen = false;
      store.selectedNode = null;
      store.selectEvent(null);
      return true;
    case "?":
      store.isHelpOpen = !store.isHelpOpen;
      store.changed();
      return true;
    default: {
      const tab = store.tabs[Number(key) - 1];
      if (tab === undefined) return false;
      store.tab = tab;
      store.changed();
      return true;
    }
  }
}

function seekMark(store: Store, forwards: boolean): void {
  const { all } = store.history.marks;
  const mark = forwards
    ? all.find(({ atMs }) => atMs > store.atMs + 0.5)
    : all.findLast(({ atMs }) => atMs < store.atMs - 0.5);
  if (mark !== undefined) store.seek(mark.atMs);
}

/** The next or previous instant at which something happened, datagrams aside. */
function neighbourMs(store: Store, forwards: boolean): number {
  const { history, hidden } = store;
  const count = history.countAt(store.atMs);
  for (
    let index = forwards ? count : count - 1;
    index >= history.begin && index < history.end;
    index += forwards ? 1 : -1
  ) {
    const entry = history.entry(index);
    const atMs = history.atMs(index);
    if (entry === undefined || entry.kind === "send" || (entry.kind === "recv" && hidden.size > 0)) continue;
    if (forwards ? atMs > store.atMs : atMs < store.atMs) return atMs;
  }
  return forwards ? store.bounds.endMs : store.bounds.beginMs;
}
