/**
 * The page's beginning: one store, one loop for what moves, one source of the run.
 */
import { render } from "preact";
import { openSource } from "./app/connect.ts";
import { runFrameLoop } from "./app/frame-loop.ts";
import { listenToKeys } from "./app/keyboard.ts";
import { Store } from "./app/page-store.ts";
import { presentIfAsked } from "./app/present.ts";
import "./page.css";
import { App } from "./view/app.tsx";

const store = new Store();
const loop = runFrameLoop(store);
listenToKeys(store, window);
presentIfAsked(window);
const server = await openSource(store).catch((error: unknown) => {
  store.isLoading = false;
  store.trouble = `This run can't be read: ${error instanceof Error ? error.message : String(error)}`;
  return null;
});
render(<App store={store} loop={loop} server={server} />, document.getElementById("page") as HTMLElement);

// For tests that measure: how long frames take, and what the page knows.
Object.assign(window, { energyLab: { store, frames: loop.frames, paints: loop.paints } });
