/**
 * Transport and time line: the whole run on a strip that is scrubbed like a slider.
 */
import { useMemo, useRef } from "preact/hooks";
import type { Store } from "../app/page-store.ts";
import { drawTimeline, TIMELINE_PAD, type TimelineFrame, timelineMs, timelineX } from "../draw/draw-timeline.ts";
import type { Palette } from "../draw/palette.ts";
import { formatClock, formatSpeed } from "../model/format-time.ts";
import type { History } from "../model/history.ts";
import type { Span } from "../model/overview.ts";
import { SPEEDS } from "../model/playback.ts";
import type { Shared } from "./app.tsx";
import { Canvas, type Surface } from "./canvas.tsx";
import { Icon } from "./icons.tsx";

/** How often the strip of a growing run is redrawn, milliseconds. */
const GROWTH_MS = 250;

/** The inputs of the strip's picture. */
interface Drawn {
  readonly key: string;
  /** The frame in which it was drawn. */
  readonly atMs: number;
  /** The part of the run that it shows. */
  readonly span: Span;
}

type TimelineView = Pick<TimelineFrame, "width" | "beginMs" | "endMs">;

export function Timeline(shared: Shared) {
  return (
    <footer>
      <Transport {...shared} />
      <Scrubber {...shared} />
    </footer>
  );
}

function Transport({ store }: Shared) {
  const { playback, bounds } = store;
  const isPlaying = playback.mode !== "paused";
  return (
    <div class="transport">
      <button
        type="button"
        title="To the beginning (Home)"
        aria-label="To the beginning"
        onClick={() => store.seek(bounds.beginMs)}
      >
        <Icon name="begin" />
      </button>
      <button
        type="button"
        class="primary"
        title={isPlaying ? "Pause (space)" : "Play (space)"}
        aria-label={isPlaying ? "Pause" : "Play"}
        onClick={() => store.togglePlay()}
      >
        <Icon name={isPlaying ? "pause" : "play"} />
      </button>
      <label>
        <span class="unseen">Speed</span>
        <select
          value={String(playback.speed)}
          title="Speed (, .)"
          disabled={playback.mode === "live" && playback.world === null}
          onChange={(event) => {
            playback.setSpeed(Number(event.currentTarget.value));
            store.changed();
          }}
        >
          {SPEEDS.map((speed) => (
            <option key={speed} value={String(speed)}>
              {formatSpeed(speed)}
            </option>
          ))}
        </select>
      </label>
      <output class="clock">{formatClock(store.atMs - bounds.beginMs)}</output>
      {store.beginsLate && (
        <small
          class="late"
          title="Older lines aren't shown. What the journal doesn't tell, the nodes of a live lab say themselves."
        >
          since {new Date(bounds.beginMs).toLocaleTimeString()}
        </small>
      )}
      <span class="of">of {formatClock(Math.max(bounds.endMs, store.atMs) - bounds.beginMs)}</span>
      <OverviewZoom store={store} />
    </div>
  );
}

function OverviewZoom({ store }: Pick<Shared, "store">) {
  return (
    <span class="overview-zoom">
      <button
        type="button"
        class="plain"
        title="More of the run (Shift z)"
        aria-label="Zoom the timeline out"
        disabled={store.isOverviewWhole}
        onClick={() => store.zoomOverview(0.5)}
      >
        −
      </button>
      <button
        type="button"
        class="plain"
        title="Less of the run, larger (z)"
        aria-label="Zoom the timeline in"
        onClick={() => store.zoomOverview(2)}
      >
        +
      </button>
    </span>
  );
}

/** The strip as a slider: pressed and dragged it seeks, under a resting pointer it names the marks. */
function Scrubber({ store, loop, palette }: Shared) {
  const { playback, history, bounds } = store;
  const { paint, drawn } = useTimelinePaint(store, palette);
  const scrubbing = useRef(false);
  const offsetMs = store.atMs - bounds.beginMs;
  const viewOf = (width: number): TimelineView => ({ width, ...drawn.current.span });
  const seek = (x: number, width: number): void => store.seek(timelineMs(viewOf(width), x));
  return (
    <div
      class="timeline"
      role="slider"
      tabIndex={0}
      aria-label="Time"
      aria-valuemin={0}
      aria-valuemax={Math.round((bounds.endMs - bounds.beginMs) / 100) / 10}
      aria-valuenow={Math.round(offsetMs / 100) / 10}
      aria-valuetext={`${formatClock(offsetMs)} of ${formatClock(bounds.endMs - bounds.beginMs)}, ${history.marks.all.length} marks`}
    >
      <Canvas
        loop={loop}
        paint={paint}
        label="Time line: who led, faults, nodes that were down"
        onPointerDown={(x, _y, event) => {
          scrubbing.current = true;
          const canvas = event.currentTarget as HTMLElement;
          canvas.setPointerCapture(event.pointerId);
          playback.pause();
          seek(x, canvas.clientWidth);
        }}
        onPointerMove={(x, y, event) => {
          const canvas = event.currentTarget as HTMLElement;
          if (event.buttons === 0) scrubbing.current = false;
          if (scrubbing.current) seek(x, canvas.clientWidth);
          else canvas.title = y < 20 ? nameMarks(history, viewOf(canvas.clientWidth), bounds.beginMs, x) : "";
        }}
        onWheel={(event) => {
          event.preventDefault();
          const canvas = event.currentTarget as HTMLElement;
          const x = event.clientX - canvas.getBoundingClientRect().left;
          store.zoomOverview(event.deltaY > 0 ? 0.8 : 1.25, timelineMs(viewOf(canvas.clientWidth), x));
        }}
      />
    </div>
  );
}

/** The run is drawn on a canvas of its own, since it changes seldom; each frame copies it and adds the playhead. */
function useTimelinePaint(store: Store, palette: Palette) {
  const strip = useMemo(() => document.createElement("canvas"), []);
  const drawn = useRef<Drawn>({ key: "", atMs: 0, span: { beginMs: 0, endMs: 1 } });
  const paint = useMemo(
    () => (surface: Surface) => {
      const { ctx, width, height, scale, frameMs } = surface;
      const span = store.overview;
      const old = drawn.current;
      const key = [width, height, scale, store.sheetVersion, store.checks.length].join();
      const hasMoved = span.beginMs !== old.span.beginMs;
      const hasGrown = span.endMs !== old.span.endMs && frameMs - old.atMs > GROWTH_MS;
      if (key !== old.key || hasMoved || hasGrown) {
        drawStrip(strip, surface, { palette, history: store.history, zeroMs: store.bounds.beginMs, ...span });
        drawn.current = { key, atMs: frameMs, span };
      }
      ctx.clearRect(0, 0, width, height);
      ctx.drawImage(strip, 0, 0, width, height);
      const view = { width, ...drawn.current.span };
      drawPlayhead(surface, palette, Math.min(timelineX(view, store.atMs), width - TIMELINE_PAD));
      return false;
    },
    [store, store.history, palette, strip],
  );
  return { paint, drawn };
}

function drawStrip(
  strip: HTMLCanvasElement,
  { width, height, scale }: Surface,
  run: Omit<TimelineFrame, "ctx" | "width" | "height">,
): void {
  strip.width = Math.round(width * scale);
  strip.height = Math.round(height * scale);
  const ctx = strip.getContext("2d") as CanvasRenderingContext2D;
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  drawTimeline({ ...run, ctx, width, height });
}

function drawPlayhead({ ctx, height }: Surface, palette: Palette, x: number): void {
  ctx.fillStyle = palette.accent;
  ctx.fillRect(x - 1, 2, 2, height - 14);
  ctx.beginPath();
  ctx.moveTo(x - 6, 0);
  ctx.lineTo(x + 6, 0);
  ctx.lineTo(x, 8);
  ctx.fill();
}

function nameMarks(history: History, view: TimelineView, zeroMs: number, x: number): string {
  const near = history.marks.all.filter((mark) => Math.abs(timelineX(view, mark.atMs) - x) < 6);
  return near
    .slice(0, 6)
    .map((mark) => `${formatClock(mark.atMs - zeroMs)}  ${mark.text}`)
    .join("\n");
}
