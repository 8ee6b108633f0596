/**
 * Transport and time line: the whole run on a strip that is scrubbed like a slider.
 */
import { useMemo, useRef } from "preact/hooks";
import { drawTimeline, TIMELINE_PAD, timelineMs, timelineX } from "../draw/draw-timeline.ts";
import { formatClock, formatSpeed } from "../model/format-time.ts";
import { SPEEDS } from "../model/playback.ts";
import type { Shared } from "./app.tsx";
import { Canvas, type Surface } from "./canvas.tsx";
import { Icon } from "./icons.tsx";

/** How often the strip of a growing run is redrawn, milliseconds. */
const GROWTH_MS = 250;

export function Timeline({ store, loop, palette }: Shared) {
  const strip = useMemo(() => document.createElement("canvas"), []);
  const drawn = useRef({ key: "", atMs: 0, endMs: 0 });
  const scrubbing = useRef(false);
  const { playback, history, bounds } = store;
  const paint = useMemo(
    () => (surface: Surface) => {
      const { ctx, width, height, scale, frameMs } = surface;
      const endMs = Math.max(store.bounds.endMs, store.atMs);
      const old = drawn.current;
      const key = [width, height, scale, store.sheetVersion, store.checks.length].join();
      const hasGrown = endMs !== old.endMs && frameMs - old.atMs > GROWTH_MS;
      if (key !== old.key || hasGrown) {
        strip.width = Math.round(width * scale);
        strip.height = Math.round(height * scale);
        const stripCtx = strip.getContext("2d") as CanvasRenderingContext2D;
        stripCtx.setTransform(scale, 0, 0, scale, 0, 0);
        drawTimeline({
          ctx: stripCtx,
          palette,
          history: store.history,
          width,
          height,
          beginMs: store.bounds.beginMs,
          endMs,
        });
        drawn.current = { key, atMs: frameMs, endMs };
      }
      const view = { width, beginMs: store.bounds.beginMs, endMs: drawn.current.endMs };
      ctx.clearRect(0, 0, width, height);
      ctx.drawImage(strip, 0, 0, width, height);
      const x = Math.min(timelineX(view, store.atMs), width - TIMELINE_PAD);
      ctx.fillStyle = palette.accent;
      ctx.fillRect(x - 1, 2, 2, height - 14);
      ctx.beginPath();
      ctx.moveTo(x - 6, 0);
      ctx.lineTo(x + 6, 0);
      ctx.lineTo(x, 8);
      ctx.fill();
      return false;
    },
    [store, store.history, palette, strip],
  );
  const seek = (x: number, width: number): void =>
    store.seek(timelineMs({ width, beginMs: bounds.beginMs, endMs: drawn.current.endMs }, x));
  const offsetMs = store.atMs - bounds.beginMs;
  const isPlaying = playback.mode !== "paused";
  return (
    <footer>
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
            disabled={playback.mode === "live"}
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
        <output class="clock">{formatClock(offsetMs)}</output>
        <span class="of">of {formatClock(Math.max(bounds.endMs, store.atMs) - bounds.beginMs)}</span>
      </div>
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
            else canvas.title = y < 20 ? nameMark(x, canvas.clientWidth) : "";
          }}
        />
      </div>
    </footer>
  );

  function nameMark(x: number, width: number): string {
    const view = { width, beginMs: bounds.beginMs, endMs: drawn.current.endMs };
    const near = history.marks.all.filter((mark) => Math.abs(timelineX(view, mark.atMs) - x) < 6);
    return near
      .slice(0, 6)
      .map((mark) => `${formatClock(mark.atMs - bounds.beginMs)}  ${mark.text}`)
      .join("\n");
  }
}
