/**
 * Where the credits are: the sum at every node's copy, what is on its way, and each balance over time.
 */
import { drawBalances } from "../draw/draw-balances.ts";
import { isUp } from "../model/cluster-state.ts";
import { formatSpan } from "../model/format-time.ts";
import type { Shared } from "./app.tsx";
import { Canvas, type Surface } from "./canvas.tsx";
import { conservationOf } from "./header.tsx";

const TRADES_MAX = 12;
/** Numbers are read, not watched. */
const PANEL_MS = 160;

export function Credits({ store, loop, palette }: Shared) {
  const { state, atMs } = store;
  const conservation = conservationOf(store);
  const { issued, sums, wrong, inFlight, light, text } = conservation;
  const trades = [...state.trades.values()].sort((a, b) => a.sinceMs - b.sinceMs);
  const paint = ({ ctx, width, height }: Surface): boolean => {
    drawBalances({
      ctx,
      palette,
      history: store.history,
      width,
      height,
      atMs: store.atMs,
      selected: store.selectedNode,
    });
    return false;
  };
  const own = [...state.nodes.values()].reduce((sum, node) => sum + (node.balance ?? 0), 0);
  return (
    <>
      <p class={`sum ${light}`}>
        <b>{issued}</b> issued = <b>{own}</b> held + <b>{inFlight}</b> on their way
      </p>
      <p class="hint">{light === "unknown" ? "Copies: start the lab with --journal detailed, or look live." : text}</p>
      <h3>Ledger sum at each node</h3>
      <ul class="sums">
        {[...sums]
          .sort(([a], [b]) => a - b)
          .map(([id, sum]) => (
            <li key={id} class={sum === null ? "unknown" : wrong.includes(id) ? "broken" : "kept"}>
              <b>{id}</b>
              <span>{sum ?? "–"}</span>
              <span aria-hidden="true">{sum === null ? "?" : wrong.includes(id) ? "✕" : "✓"}</span>
            </li>
          ))}
      </ul>
      <h3>Balances</h3>
      <Canvas
        loop={loop}
        paint={paint}
        class="balances"
        everyMs={PANEL_MS}
        label={`Balances over time. Now: ${[...state.nodes.values()].map((node) => `node ${node.id} ${node.balance ?? "unknown"}`).join(", ")}`}
      />
      <h3>
        Trades under way{" "}
        <small>
          {trades.length} open, {state.settled} done, {state.refused} refused
        </small>
      </h3>
      <ul class="plain-list trades">
        {trades.slice(0, TRADES_MAX).map((trade) => (
          <li key={trade.id}>
            <b>
              {trade.from} → {trade.to}
            </b>{" "}
            {trade.amount} credits, {trade.stage === "committed" ? "paid, not received yet" : "offered"}, for{" "}
            {formatSpan(atMs - trade.sinceMs)}
          </li>
        ))}
        {trades.length > TRADES_MAX && <li>and {trades.length - TRADES_MAX} more</li>}
        {trades.length === 0 && <li class="hint">none</li>}
      </ul>
      {[...state.nodes.values()].every((node) => !isUp(node)) && <p class="hint">No node runs.</p>}
    </>
  );
}
