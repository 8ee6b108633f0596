/**
 * The space-time diagram: time runs downwards, the newest at the bottom. A click on an event or an arrow selects it.
 */
import { useMemo, useState } from "preact/hooks";
import { drawSpaceTime, pickEvent } from "../draw/space-time-overlay.ts";
import { columnOf, type Geometry, type SheetLook, SpaceTimeSheet } from "../draw/space-time-sheet.ts";
import { idsOf, isUp } from "../model/cluster-state.ts";
import { formatSpan } from "../model/format-time.ts";
import type { Shared } from "./app.tsx";
import { Canvas, type Surface } from "./canvas.tsx";

/** Where now is, from the top; below it is what comes. A live run has nothing below. */
const NOW_AT = 0.72;

export function SpaceTime({ store, loop, palette }: Shared) {
  const sheet = useMemo(() => new SpaceTimeSheet(), []);
  const [geometry, setGeometry] = useState<Geometry | null>(null);
  const look: SheetLook = { history: store.history, palette, hidden: store.hidden };
  const ids = idsOf(store.history.head).join();
  const paint = useMemo(
    () => (surface: Surface) => {
      const { ctx, width, height, scale } = surface;
      const isLive = store.playback.mode === "live";
      const next: Geometry = { width, height, msPerPx: store.windowMs / height, ids: idsOf(store.history.head) };
      const bottomMs = isLive ? store.atMs : store.atMs + (1 - NOW_AT) * store.windowMs;
      const current: SheetLook = { history: store.history, palette, hidden: store.hidden };
      sheet.draw(current, next, scale, bottomMs, `${store.sheetVersion} ${isLive}`);
      drawSpaceTime({ ctx, look: current, geometry: next, sheet, atMs: store.atMs, isLive, cone: store.cone });
      drawAges(surface, sheet, palette.soft, palette.mono, store.history.beginMs, store.windowMs);
      setGeometry((old) =>
        old?.width === width && old.ids.length === next.ids.length && old.height === height ? old : next,
      );
      return false;
    },
    [store, store.history, palette, sheet],
  );
  const { state } = store;
  const label = `Space-time diagram of ${state.nodes.size} nodes, ${formatSpan(store.windowMs)} high. Arrow keys go from event to event.`;
  return (
    <>
      <div class="columns" aria-hidden="true" key={ids}>
        {geometry !== null &&
          idsOf(state).map((id, n, all) => {
            const node = state.nodes.get(id);
            const every = Math.ceil(all.length / 16);
            if (n % every !== 0 && node?.role !== "COORDINATOR") return null;
            const mark = node?.role === "COORDINATOR" ? " leads" : node !== undefined && !isUp(node) ? " gone" : "";
            return (
              <span key={id} class={`column${mark}`} style={{ left: `${columnOf(geometry, id)}px` }}>
                {id}
              </span>
            );
          })}
        <div class="zoom">
          <button type="button" class="plain" title="Zoom out (−)" tabIndex={-1} onClick={() => store.zoom(2)}>
            −
          </button>
          <span>{formatSpan(store.windowMs)}</span>
          <button type="button" class="plain" title="Zoom in (+)" tabIndex={-1} onClick={() => store.zoom(0.5)}>
            +
          </button>
        </div>
      </div>
      <Canvas
        loop={loop}
        paint={paint}
        label={label}
        onClick={(x, y) => {
          if (geometry !== null)
            store.selectEvent(pickEvent(look, { ...geometry, msPerPx: store.windowMs / geometry.height }, sheet, x, y));
        }}
        onWheel={(event) => {
          event.preventDefault();
          if (event.ctrlKey) store.zoom(event.deltaY > 0 ? 1.25 : 0.8);
          else store.seek(store.atMs + (event.deltaY / 600) * store.windowMs);
        }}
      />
    </>
  );
}

/** Times at the left edge, since the beginning of the run. */
function drawAges(
  { ctx, height }: Surface,
  sheet: SpaceTimeSheet,
  colour: string,
  font: string,
  beginMs: number,
  windowMs: number,
): void {
  ctx.font = `10px ${font}`;
  ctx.fillStyle = colour;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const step = stepOf(windowMs / 7);
  const first = Math.ceil((sheet.topMs - beginMs) / step) * step;
  for (let at = Math.max(0, first); beginMs + at <= sheet.bottomMs; at += step) {
    const y = sheet.yOf(beginMs + at);
    if (y < 8 || y > height - 6) continue;
    ctx.fillText(
      step < 1_000 ? `${(at / 1_000).toFixed(step < 10 ? 3 : step < 100 ? 2 : 1)}` : `${Math.round(at / 1_000)}`,
      4,
      y,
    );
  }
}

function stepOf(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, ms)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= ms) ?? power * 10;
}
