/**
 * The ring on stage: painted nodes and messages, and on top of each node a button that can be reached, named, dragged and pressed.
 */
import { useMemo, useRef } from "preact/hooks";
import { formatCommand } from "../../dash/page-command.ts";
import type { DashCommand } from "../../dash/protocol.ts";
import type { Store } from "../app/page-store.ts";
import { type ClusterState, idsOf, type NodeState } from "../model/cluster-state.ts";
import { findLink } from "../model/find-link.ts";
import { flightOf } from "../model/flying.ts";
import { describeNode, formatIds } from "../model/headline.ts";
import type { Shared } from "./app.tsx";
import { putTogether } from "./break-it.tsx";
import { Canvas, type Surface } from "./canvas.tsx";
import { CommandRow } from "./command-row.tsx";
import { Do } from "./do.tsx";
import { NodeButton } from "./node-button.tsx";
import { paintStage, type StageMotion } from "./paint-stage.ts";

export function Stage(shared: Shared) {
  const { store, loop } = shared;
  const { state } = store;
  const { current: motion } = useRef<StageMotion>({
    spots: new Map(),
    homes: new Map(),
    buttons: new Map(),
    drag: null,
    paintedMs: 0,
    flying: store.flying,
    nodeRadius: 0,
  });
  const paint = useMemo(() => (surface: Surface) => paintStage(shared, surface, motion), [shared.palette, store, loop]);
  const linkAt = (x: number, y: number) => findLink(motion.spots, motion.nodeRadius, { x, y });
  return (
    <>
      <Canvas
        loop={loop}
        paint={paint}
        label={describeAll(state)}
        class="ring"
        onClick={(x, y) => {
          if (!dropAt(store, motion, x, y)) chooseLink(store, linkAt(x, y));
        }}
        onPointerMove={(x, y, event) => {
          (event.currentTarget as HTMLElement).style.cursor = store.mayCommand && linkAt(x, y) ? "pointer" : "";
        }}
      >
        {idsOf(state).map((id) => (
          <NodeButton
            key={id}
            id={id}
            label={describeNode(state.nodes.get(id) as NodeState)}
            store={store}
            motion={motion}
          />
        ))}
        <StageNotice store={store} />
      </Canvas>
      {store.apart.size > 0 && <CutBar {...shared} />}
    </>
  );
}

/** Half the width of a finger. */
const REACH_PX = 14;

/**
 * Drops the message that was clicked on. It is shown for longer than it flies: one that has arrived by now is dropped where it was sent,
 * which begins a branch there.
 * @returns whether there was one
 */
function dropAt({ world, atMs, playback }: Store, { flying }: StageMotion, x: number, y: number): boolean {
  const far = (spot: { readonly x: number; readonly y: number }) => Math.hypot(spot.x - x, spot.y - y);
  const [nearest] = flying.toSorted((a, b) => far(a) - far(b));
  if (world === null || nearest === undefined || far(nearest) > REACH_PX) return false;
  const { copy } = nearest;
  const message = flightOf(copy);
  // A world that goes on is further than the picture.
  const isHeld = playback.mode === "paused";
  const isUnderWay = isHeld && world.flights.some(({ name }) => name === message) && copy.sentAtMs <= atMs;
  void world.act({ drop: { message } }, isUnderWay ? undefined : copy.sentAtMs);
  return true;
}

/** A click between two nodes means the line between them. */
function chooseLink(store: Store, link: readonly [number, number] | null): void {
  if (!store.mayCommand || link === null) return;
  const [from, to] = link;
  store.line = { nodes: String(from), to };
  store.tab = "break";
  store.changed();
  requestAnimationFrame(() => document.getElementById("line-form")?.scrollIntoView({ block: "center" }));
}

function StageNotice({ store }: { readonly store: Store }) {
  return (
    <>
      {store.isLoading && <p class="notice">Reading the journal …</p>}
      {!store.isLoading && store.trouble !== "" && (
        <p class="notice warn" role="alert">
          {store.trouble}
        </p>
      )}
    </>
  );
}

/** The cut that is being prepared, and the command that makes it. */
function CutBar(shared: Shared) {
  const { store } = shared;
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
      <Do
        {...shared}
        command={command}
        name="Cut here"
        isPrimary
        isDanger
        isDisabled={isWhole}
        onDone={() => putTogether(store)}
      />
      <button type="button" onClick={() => putTogether(store)}>
        Cancel
      </button>
    </section>
  );
}

function describeAll(state: ClusterState): string {
  return `${state.nodes.size} nodes on a ring. ${[...state.nodes.values()].map((node) => describeNode(node)).join("; ")}`;
}
