/**
 * The button that lies on top of a painted node: it selects the node, and dragging it away from its place sets the node apart for a cut.
 */

import type { Store } from "../app/page-store.ts";
import { zoomOf } from "../app/present.ts";
import type { StageMotion } from "./paint-stage.ts";

/** Dragged so far from its place, a node stands apart. */
const APART_PX = 60;

interface Properties {
  readonly id: number;
  /** What a screen reader says of it. */
  readonly label: string;
  readonly store: Store;
  readonly motion: StageMotion;
}

export function NodeButton(properties: Properties) {
  const { id, label, store, motion } = properties;
  return (
    <button
      ref={(element) => {
        if (element === null) motion.buttons.delete(id);
        else motion.buttons.set(id, element);
      }}
      type="button"
      class={`node ${store.mayCommand ? "draggable" : ""}`}
      aria-pressed={store.selectedNode === id}
      aria-label={label}
      onClick={() => {
        if (motion.drag?.hasMoved !== true) store.selectNode(store.selectedNode === id ? null : id);
        motion.drag = null;
      }}
      onKeyDown={(event) => {
        if (event.key !== "x" && event.key !== "X") return;
        toggleApart(store, id);
      }}
      onPointerDown={(event) => {
        motion.drag = null;
        if (!store.mayCommand || event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        motion.drag = { id, x: Number.NaN, y: Number.NaN, hasMoved: false };
      }}
      onPointerMove={(event) => moveDrag(properties, event)}
      onPointerUp={() => endDrag(properties)}
    />
  );
}

function moveDrag({ id, store, motion }: Properties, event: PointerEvent & { currentTarget: HTMLElement }): void {
  const { drag } = motion;
  if (drag === null || event.buttons === 0) return;
  const box = (event.currentTarget.parentElement as HTMLElement).getBoundingClientRect();
  const zoom = zoomOf(event.currentTarget);
  [drag.x, drag.y] = [(event.clientX - box.left) / zoom, (event.clientY - box.top) / zoom];
  if (motion.spots.has(id) && Math.hypot(event.movementX, event.movementY) > 0) drag.hasMoved = true;
  store.changed();
}

function endDrag({ id, store, motion }: Properties): void {
  const { drag } = motion;
  if (drag === null || !drag.hasMoved) return;
  const home = motion.homes.get(drag.id);
  if (home !== undefined && Math.hypot(drag.x - home.x, drag.y - home.y) > APART_PX) toggleApart(store, id);
  store.changed();
  // The click that follows must not select; then the drag is over.
  setTimeout(() => {
    motion.drag = null;
    store.changed();
  });
}

function toggleApart(store: Store, id: number): void {
  if (!store.mayCommand) return;
  if (!store.apart.delete(id)) store.apart.add(id);
  store.changed();
}
