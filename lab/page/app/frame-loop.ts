/**
 * One loop for all moving pictures: lets time pass, then has each picture drawn that isn't as it should be. While nothing moves nothing
 * is drawn; panels made of elements follow a few times a second, which is as fast as numbers can be read.
 */
import type { Store } from "./page-store.ts";

/** Draws; returns whether it goes on moving by itself. */
export type Painter = (frameMs: number) => boolean;

const PANELS_MS = 160;

export interface FrameLoop {
  add(painter: Painter): () => void;
  stop(): void;
  /** Lengths of the last frames, milliseconds: what a person sees of the page's speed. */
  readonly frames: readonly number[];
  /** What the pictures of a frame took of it, milliseconds. */
  readonly paints: readonly number[];
}

/** Lengths are kept of so many frames at most. */
const KEPT = 1_000;

export function runFrameLoop(store: Store): FrameLoop {
  const painters = new Set<Painter>();
  const frames: number[] = [];
  const paints: number[] = [];
  const keep = (list: number[], ms: number): void => {
    if (list.push(ms) > KEPT) list.splice(0, KEPT / 2);
  };
  let version = -1;
  let isMoving = false;
  let panelsAtMs = 0;
  let lastMs = 0;
  let handle = 0;
  const step = (frameMs: number): void => {
    handle = requestAnimationFrame(step);
    if (lastMs > 0) keep(frames, frameMs - lastMs);
    lastMs = frameMs;
    const hasMoved = store.playback.tick(frameMs, store.bounds);
    if (!hasMoved && !isMoving && version === store.version) return;
    version = store.version;
    isMoving = false;
    const beginMs = performance.now();
    for (const painter of painters) if (painter(frameMs)) isMoving = true;
    keep(paints, performance.now() - beginMs);
    if (hasMoved && frameMs - panelsAtMs > PANELS_MS) {
      panelsAtMs = frameMs;
      store.changed();
    }
  };
  handle = requestAnimationFrame(step);
  return {
    frames,
    paints,
    add(painter) {
      painters.add(painter);
      version = -1;
      return () => painters.delete(painter);
    },
    stop: () => cancelAnimationFrame(handle),
  };
}
