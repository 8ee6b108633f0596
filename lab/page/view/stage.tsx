/**
 * The ring on stage: painted nodes and messages, and on top of each node a button that can be reached, named, dragged and pressed.
 */
import { useMemo, useRef } from "preact/hooks";
import { sendCommand } from "../../dash/client.ts";
import { formatCommand } from "../../dash/page-command.ts";
import type { DashCommand } from "../../dash/protocol.ts";
import type { Store } from "../app/page-store.ts";
import { drawMessages } from "../draw/draw-messages.ts";
import { drawNodes, drawRing } from "../draw/draw-ring.ts";
import { type ClusterState, idsOf, type NodeState } from "../model/cluster-state.ts";
import { describeNode, formatIds } from "../model/headline.ts";
import { findCutPairs, findGroups, layoutRing } from "../model/ring-layout.ts";
import type { Shared } from "./app.tsx";
import { Canvas, type Surface } from "./canvas.tsx";
import { CommandRow } from "./command-row.tsx";
import { wantsStillness } from "./hooks.ts";

/** Two heartbeats: by then a dead node is usually given up. */
const SILENCE_FULL_MS = { fast: 1_000, default: 4_000 } as const;
/** How fast nodes glide to a new place: the way that is left halves in this time. */
const HALF_WAY_MS = 70;
/** Dragged so far from its place, a node stands apart. */
const APART_PX = 60;

type Spots = Map<number, { x: number; y: number }>;

export function Stage(shared: Shared) {
  const { store, loop } = shared;
  const spots = useRef<Spots>(new Map());
  const buttons = useRef(new Map<number, HTMLButtonElement>());
  const dragged = useRef<{ id: number; x: number; y: number; hasMoved: boolean } | null>(null);
  const lastMs = useRef(0);
  const paint = useMemo(
    () => (surface: Surface) => {
      const spentMs = Math.min(100, surface.frameMs - lastMs.current);
      lastMs.current = surface.frameMs;
      return paintStage(shared, surface, {
        spots: spots.current,
        buttons: buttons.current,
        dragged: dragged.current,
        spentMs,
      });
    },
    [shared.palette, store, loop],
  );
  const { state } = store;
  return (
    <>
      <Canvas loop={loop} paint={paint} label={describeAll(state)} class="ring">
        {idsOf(state).map((id) => (
          <button
            key={id}
            ref={(element) => {
              if (element === null) buttons.current.delete(id);
              else buttons.current.set(id, element);
            }}
            type="button"
            class={`node ${store.mayCommand ? "draggable" : ""}`}
            aria-pressed={store.selectedNode === id}
            aria-label={describeNode(state.nodes.get(id) as NodeState)}
            onClick={() => {
              if (dragged.current?.hasMoved !== true) store.selectNode(store.selectedNode === id ? null : id);
              dragged.current = null;
            }}
            onKeyDown={(event) => {
              if (event.key !== "x" && event.key !== "X") return;
              toggleApart(store, id);
            }}
            onPointerDown={(event) => {
              dragged.current = null;
              if (!store.mayCommand || event.button !== 0) return;
              event.currentTarget.setPointerCapture(event.pointerId);
              dragged.current = { id, x: Number.NaN, y: Number.NaN, hasMoved: false };
            }}
            onPointerMove={(event) => {
              const drag = dragged.current;
              if (drag === null || event.buttons === 0) return;
              const box = (event.currentTarget.parentElement as HTMLElement).getBoundingClientRect();
              [drag.x, drag.y] = [event.clientX - box.left, event.clientY - box.top];
              const home = spots.current.get(id);
              if (home !== undefined && Math.hypot(event.movementX, event.movementY) > 0) drag.hasMoved = true;
              store.changed();
            }}
            onPointerUp={() => {
              const drag = dragged.current;
              if (drag === null || !drag.hasMoved) return;
              if (isFarFromHome(store, drag, shared)) toggleApart(store, id);
              store.changed();
              // The click that follows must not select; then the drag is over.
              setTimeout(() => {
                dragged.current = null;
                store.changed();
              });
            }}
          />
        ))}
        {store.isLoading && <p class="notice">Reading the journal …</p>}
        {!store.isLoading && store.trouble !== "" && (
          <p class="notice warn" role="alert">
            {store.trouble}
          </p>
        )}
      </Canvas>
      {store.apart.size > 0 && <CutBar {...shared} />}
    </>
  );
}

interface Painting {
  readonly spots: Spots;
  readonly buttons: ReadonlyMap<number, HTMLButtonElement>;
  readonly dragged: { readonly id: number; readonly x: number; readonly y: number; readonly hasMoved: boolean } | null;
  readonly spentMs: number;
}

const homes = new WeakMap<Store, Spots>();

function paintStage({ store, palette }: Shared, surface: Surface, painting: Painting): boolean {
  const { ctx, width, height } = surface;
  const { spots, buttons, dragged, spentMs } = painting;
  const { atMs, playback, history } = store;
  const state = store.state;
  const isStill = wantsStillness();
  const cutPairs = findCutPairs(state);
  const layout = layoutRing(groupsOf(store, state, cutPairs), { width, height });
  homes.set(store, new Map(layout.places));
  let isGliding = false;
  for (const [id, place] of layout.places) {
    const spot = spots.get(id);
    if (spot === undefined || isStill) {
      spots.set(id, { x: place.x, y: place.y });
      continue;
    }
    const isHeld = dragged?.id === id && dragged.hasMoved && !Number.isNaN(dragged.x);
    const goal = isHeld ? dragged : place;
    const share = isHeld ? 1 : 1 - 0.5 ** (spentMs / HALF_WAY_MS);
    spot.x += (goal.x - spot.x) * share;
    spot.y += (goal.y - spot.y) * share;
    if (Math.hypot(goal.x - spot.x, goal.y - spot.y) > 0.3) isGliding = true;
    else [spot.x, spot.y] = [goal.x, goal.y];
  }
  for (const id of spots.keys()) if (!layout.places.has(id)) spots.delete(id);
  ctx.clearRect(0, 0, width, height);
  const hasWire = store.facts.hasWire;
  const asked = hasWire ? null : store.snapshot;
  const frame = {
    ctx,
    palette,
    state,
    atMs,
    layout,
    spots,
    cutPairs,
    // Large groups beat slower.
    silenceFullMs:
      SILENCE_FULL_MS[store.facts.profile === "default" ? "default" : "fast"] * Math.max(1, state.nodes.size / 10),
    silenceOf: (watcher: NodeState, node: number): number | null => {
      const heard = watcher.heardAt.get(node);
      if (hasWire) return heard === undefined ? null : atMs - heard;
      const says = asked?.nodes.find((view) => view.id === watcher.id)?.says;
      const silence = says?.members.find((member) => member.id === node)?.silent_ms ?? null;
      return silence === null || asked === null ? null : silence + Math.max(0, atMs - asked.atMs);
    },
    selected: store.selectedNode,
    apart: store.apart,
  };
  drawRing(frame);
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
  });
  drawNodes(frame);
  const size = `${Math.max(24, layout.nodeRadius * 2)}px`;
  for (const [id, button] of buttons) {
    const spot = spots.get(id);
    if (spot === undefined) continue;
    button.style.transform = `translate(${spot.x}px, ${spot.y}px) translate(-50%, -50%)`;
    if (button.style.width !== size) button.style.width = button.style.height = size;
  }
  return isGliding;
}

function groupsOf(store: Store, state: ClusterState, cutPairs: ReadonlySet<string>): readonly (readonly number[])[] {
  const ids = idsOf(state);
  if (store.apart.size === 0) return findGroups(ids, cutPairs);
  return [ids.filter((id) => !store.apart.has(id)), ids.filter((id) => store.apart.has(id))].filter(
    (group) => group.length > 0,
  );
}

function isFarFromHome(store: Store, drag: { id: number; x: number; y: number }, _shared: Shared): boolean {
  const home = homes.get(store)?.get(drag.id);
  return home !== undefined && Math.hypot(drag.x - home.x, drag.y - home.y) > APART_PX;
}

function toggleApart(store: Store, id: number): void {
  if (!store.mayCommand) return;
  if (!store.apart.delete(id)) store.apart.add(id);
  store.changed();
}

/** The cut that is being prepared, and the command that makes it. */
function CutBar({ store, server }: Shared) {
  const ids = idsOf(store.state);
  const rest = ids.filter((id) => !store.apart.has(id));
  const command: DashCommand = { verb: "partition", groups: [formatIds(rest), formatIds([...store.apart])] };
  const isWhole = rest.length === 0;
  return (
    <section class="cut-bar" aria-label="Cut that is being prepared">
      {isWhole ? (
        <p>At least one node must stay on the other side.</p>
      ) : (
        <CommandRow store={store} line={formatCommand(command, store.facts.lab)} />
      )}
      <button
        type="button"
        class="primary danger"
        disabled={isWhole || server === null}
        onClick={() => {
          if (server === null) return;
          void store.run(() => sendCommand(server, command), formatCommand(command, store.facts.lab));
          store.apart.clear();
          store.changed();
        }}
      >
        Cut here
      </button>
      <button
        type="button"
        onClick={() => {
          store.apart.clear();
          store.changed();
        }}
      >
        Cancel
      </button>
    </section>
  );
}

function describeAll(state: ClusterState): string {
  return `${state.nodes.size} nodes on a ring. ${[...state.nodes.values()].map((node) => describeNode(node)).join("; ")}`;
}
