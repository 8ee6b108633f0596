/**
 * The space-time diagram: time runs downwards, the newest at the bottom. A click on an event or an arrow selects it.
 */
import { useMemo, useState } from "preact/hooks";
import type { Palette } from "../draw/palette.ts";
import { drawSpaceTime, pickEvent } from "../draw/space-time-overlay.ts";
import { columnOf, type Geometry, type SheetLook, SpaceTimeSheet } from "../draw/space-time-sheet.ts";
import { type ClusterState, idsOf, isUp } from "../model/cluster-state.ts";
import { planHeads } from "../model/column-heads.ts";
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
      const current: SheetLook = { history: store.history, palette, hidden: store.hidden };
      const nowPx = sheet.placeRows(current, next).yAt(store.atMs);
      const bottomPx = isLive ? nowPx : nowPx + (1 - NOW_AT) * height;
      sheet.draw(current, next, scale, bottomPx, `${store.sheetVersion} ${isLive}`);
      drawSpaceTime({
        ctx,
        look: current,
        geometry: next,
        sheet,
        atMs: store.atMs,
        isLive,
        cone: store.cone,
        proof: store.proof,
        parting: store.parting,
      });
      drawAges(surface, sheet, palette, store.history.beginMs);
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
        {geometry !== null && <Heads state={state} geometry={geometry} />}
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
          else store.seek(sheet.timeAt(sheet.yOf(store.atMs) + event.deltaY * 0.7));
        }}
      />
    </>
  );
}

function Heads({ state, geometry }: { readonly state: ClusterState; readonly geometry: Geometry }) {
  const columns = idsOf(state).map((id) => ({ id, x: columnOf(geometry, id) }));
  const isNamed = (id: number): boolean => state.nodes.get(id)?.role === "COORDINATOR";
  return planHeads(columns, isNamed, geometry.width).map(({ id, x }) => {
    const node = state.nodes.get(id);
    const mark = node?.role === "COORDINATOR" ? " leads" : node !== undefined && !isUp(node) ? " gone" : "";
    return (
      <span key={id} class={`column${mark}`} style={{ left: `${x}px` }}>
        {id}
      </span>
    );
  });
}

/** Pixels between two times at the left edge. */
const AGE_PX = 64;

/** Times at the left edge, since the beginning of the run. */
function drawAges({ ctx, height }: Surface, sheet: SpaceTimeSheet, palette: Palette, beginMs: number): void {
  ctx.font = `12px ${palette.mono}`;
  ctx.fillStyle = palette.soft;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const ages: { readonly y: number; readonly atMs: number }[] = [];
  let stepMs = Number.POSITIVE_INFINITY;
  for (let y = sheet.firstLine(AGE_PX); y < height - 6; y += AGE_PX) {
    const atMs = sheet.timeAt(y) - beginMs;
    if (y < 8 || atMs < 0) continue;
    stepMs = Math.min(stepMs, sheet.timeAt(y + AGE_PX) - sheet.timeAt(y));
    ages.push({ y, atMs });
  }
  // As fine as the most stretched span needs, and the same for all: 5.80 beside 5.8 reads like two different times.
  const digits = stepMs < 8 ? 3 : stepMs < 80 ? 2 : 1;
  ctx.lineJoin = "round";
  ctx.lineWidth = 3;
  ctx.strokeStyle = palette.panel;
  for (const { y, atMs } of ages) {
    const text = (atMs / 1_000).toFixed(digits);
    // Long ones lie over the first column.
    ctx.strokeText(text, 4, y);
    ctx.fillText(text, 4, y);
  }
}
