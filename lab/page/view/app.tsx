/**
 * The page as a whole: headline, ring, space-time diagram, panel, time line.
 */
import { useEffect, useMemo } from "preact/hooks";
import type { CommandTaker } from "../app/command-taker.ts";
import type { FrameLoop } from "../app/frame-loop.ts";
import type { Store } from "../app/page-store.ts";
import { applyPalette, type Palette } from "../draw/palette.ts";
import { Announcer } from "./announcer.tsx";
import { Header } from "./header.tsx";
import { Help } from "./help.tsx";
import { useStore } from "./hooks.ts";
import { Legend } from "./legend.tsx";
import { SidePanel } from "./side-panel.tsx";
import { SpaceTime } from "./space-time.tsx";
import { OtherRun } from "./split.tsx";
import { Stage } from "./stage.tsx";
import { Timeline } from "./timeline.tsx";

export interface Shared {
  readonly store: Store;
  readonly loop: FrameLoop;
  readonly palette: Palette;
  readonly server: CommandTaker | null;
}

export function App({ store, loop, server }: Omit<Shared, "palette">) {
  useStore(store);
  const { theme } = store;
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = theme === "dark" || (theme === "auto" && prefersDark.matches);
  const hasMoreContrast = window.matchMedia("(prefers-contrast: more)").matches;
  const palette = useMemo(
    () => applyPalette(document.documentElement, { isDark, hasMoreContrast }),
    [isDark, hasMoreContrast],
  );
  useEffect(() => {
    const follow = (): void => store.changed(true);
    prefersDark.addEventListener("change", follow);
    return () => prefersDark.removeEventListener("change", follow);
  }, [store]);
  useEffect(() => store.changed(true), [store, palette]);
  const compared = store.world?.compared ?? null;
  const shared: Shared = { store, loop, palette, server };
  return (
    <>
      <Header {...shared} />
      <main>
        <section class="stage" aria-label={compared === null ? "Ring of nodes" : "The other run"}>
          {compared === null ? <Stage {...shared} /> : <OtherRun {...shared} compared={compared} />}
          <Legend {...shared} />
        </section>
        <section class="space-time" aria-label="Space-time diagram">
          <SpaceTime {...shared} />
        </section>
        <SidePanel {...shared} />
      </main>
      <Timeline {...shared} />
      <Announcer store={store} />
      {store.isHelpOpen && <Help store={store} />}
    </>
  );
}
