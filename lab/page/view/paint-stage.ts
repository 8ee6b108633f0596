/**
 * Paints one frame of the ring: nodes glide to their places, and their buttons follow them.
 */
import type { Store } from "../app/page-store.ts";
import { drawMessages } from "../draw/draw-messages.ts";
import { drawNodes, drawRing, type RingFrame } from "../draw/draw-ring.ts";
import { type ClusterState, idsOf, type NodeState } from "../model/cluster-state.ts";
import { findCutPairs, findGroups, layoutRing, type Place, type RingLayout } from "../model/ring-layout.ts";
import type { Shared } from "./app.tsx";
import type { Surface } from "./canvas.tsx";
import { wantsStillness } from "./hooks.ts";

/** Two heartbeats: by then a dead node is usually given up. */
const SILENCE_FULL_MS: Readonly<Record<string, number>> = { fast: 1_000, default: 4_000, original: 20_000 };
/** How fast nodes glide to a new place: the way that is left halves in this time. */
const HALF_WAY_MS = 70;

/** State that is kept from one frame to the next. */
export interface StageMotion {
  /** Where the nodes are drawn now. */
  readonly spots: Map<number, { x: number; y: number }>;
  /** Where they belong. */
  homes: ReadonlyMap<number, Place>;
  readonly buttons: Map<number, HTMLButtonElement>;
  drag: { readonly id: number; x: number; y: number; hasMoved: boolean } | null;
  paintedMs: number;
  readonly flying: Store["flying"];
  nodeRadius: number;
}

/** Returns whether a node is still on its way. */
export function paintStage({ store, palette }: Shared, surface: Surface, motion: StageMotion): boolean {
  const { ctx, width, height, frameMs } = surface;
  const { spots } = motion;
  const { state, atMs, playback, history } = store;
  const spentMs = Math.min(100, frameMs - motion.paintedMs);
  motion.paintedMs = frameMs;
  const isStill = wantsStillness();
  const cutPairs = findCutPairs(state);
  const layout = layoutRing(groupsOf(store, state, cutPairs), { width, height });
  motion.homes = layout.places;
  motion.nodeRadius = layout.nodeRadius;
  const isGliding = glide(motion, spentMs, isStill);
  ctx.clearRect(0, 0, width, height);
  const frame: RingFrame = {
    ctx,
    palette,
    state,
    atMs,
    layout,
    size: { width, height },
    spots,
    cutPairs,
    // Large groups beat slower.
    silenceFullMs: (SILENCE_FULL_MS[store.facts.profile] ?? 1_000) * Math.max(1, state.nodes.size / 10),
    silenceOf: readSilences(store, atMs),
    selected: store.selectedNode,
    apart: store.apart,
    link: store.tab === "break" && store.line.to !== null ? [Number(store.line.nodes), store.line.to] : null,
  };
  drawRing(frame);
  motion.flying.length = 0;
  drawMessages({
    ctx,
    palette,
    story: history.story,
    atMs,
    endMs: playback.mode === "live" ? history.endMs : Math.max(history.endMs, atMs),
    pace: playback.pace,
    spots,
    hidden: store.hidden,
    nodeRadius: layout.nodeRadius,
    isStill,
    onFlying: (copy, x, y) => {
      // Before the first action can happen, nothing can be dropped.
      if (copy.sentAtMs > (store.world?.beganMs ?? Number.POSITIVE_INFINITY)) motion.flying.push({ copy, x, y });
    },
  });
  drawNodes(frame);
  moveButtons(motion, layout);
  return isGliding;
}

/** Moves each node a little towards its place, or to the pointer that holds it. */
function glide({ spots, homes, drag }: StageMotion, spentMs: number, isStill: boolean): boolean {
  let isGliding = false;
  for (const [id, place] of homes) {
    const spot = spots.get(id);
    if (spot === undefined || isStill) {
      spots.set(id, { x: place.x, y: place.y });
      continue;
    }
    const isHeld = drag?.id === id && drag.hasMoved && !Number.isNaN(drag.x);
    const goal = isHeld ? drag : place;
    const share = isHeld ? 1 : 1 - 0.5 ** (spentMs / HALF_WAY_MS);
    spot.x += (goal.x - spot.x) * share;
    spot.y += (goal.y - spot.y) * share;
    if (Math.hypot(goal.x - spot.x, goal.y - spot.y) > 0.3) isGliding = true;
    else [spot.x, spot.y] = [goal.x, goal.y];
  }
  for (const id of spots.keys()) if (!homes.has(id)) spots.delete(id);
  return isGliding;
}

/** From the journal where it has the messages, otherwise from what the nodes answered when they were last asked. */
function readSilences(store: Store, atMs: number): RingFrame["silenceOf"] {
  const { hasWire } = store.facts;
  const asked = hasWire ? null : store.snapshot;
  return (watcher: NodeState, node: number): number | null => {
    const heard = watcher.heardAt.get(node);
    if (hasWire) return heard === undefined ? null : atMs - heard;
    const says = asked?.nodes.find((view) => view.id === watcher.id)?.says;
    const silence = says?.members.find((member) => member.id === node)?.silent_ms ?? null;
    return silence === null || asked === null ? null : silence + Math.max(0, atMs - asked.atMs);
  };
}

function moveButtons({ spots, buttons }: StageMotion, layout: RingLayout): void {
  const size = `${Math.max(24, layout.nodeRadius * 2)}px`;
  for (const [id, button] of buttons) {
    const spot = spots.get(id);
    if (spot === undefined) continue;
    button.style.transform = `translate(${spot.x}px, ${spot.y}px) translate(-50%, -50%)`;
    if (button.style.width !== size) button.style.width = button.style.height = size;
  }
}

function groupsOf(store: Store, state: ClusterState, cutPairs: ReadonlySet<string>): readonly (readonly number[])[] {
  const ids = idsOf(state);
  if (store.apart.size === 0) return findGroups(ids, cutPairs);
  return [ids.filter((id) => !store.apart.has(id)), ids.filter((id) => store.apart.has(id))].filter(
    (group) => group.length > 0,
  );
}
