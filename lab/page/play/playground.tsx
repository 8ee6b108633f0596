/**
 * The playground's page: the page of `lab dash` before a world of its own.
 */
import { render } from "preact";
import { runFrameLoop } from "../app/frame-loop.ts";
import { listenToKeys } from "../app/keyboard.ts";
import { Store } from "../app/page-store.ts";
import { presentIfAsked } from "../app/present.ts";
import "../page.css";
import { App } from "../view/app.tsx";
import { openWorld } from "./open-world.ts";
import { WorldLink } from "./world-link.ts";

export async function openPlayground(): Promise<void> {
  const store = new Store();
  const loop = runFrameLoop(store);
  listenToKeys(store, window);
  presentIfAsked(window);
  const { ask, place } = await openWorld();
  const world = new WorldLink(store, ask);
  document.title = "energy-lab: playground";
  render(<App store={store} loop={loop} server={world} />, document.getElementById("page") as HTMLElement);
  // For tests that measure, and compare runs.
  Object.assign(window, { energyLab: { store, world, place, openWorld, frames: loop.frames, paints: loop.paints } });
  // Without this, a dropped file would take the page's place.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) void world.openFile(file);
  });
  await world.open(readFragment());
  // Another link in the same tab.
  addEventListener("hashchange", () => {
    const link = readFragment();
    if (link !== null) void world.open(link);
  });
}

function readFragment(): string | null {
  const run = new URLSearchParams(location.hash.slice(1)).get("run");
  return run === "" ? null : run;
}
