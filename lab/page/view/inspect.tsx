/**
 * A closer look: the selected event with its vector clock, the selected node, or else who sees whom and what happened last.
 */
import type { Entry } from "../../journal/entry.ts";
import type { Store } from "../app/page-store.ts";
import { idsOf, isUp, type MemberState, type NodeState } from "../model/cluster-state.ts";
import { formatClock, formatSpan } from "../model/format-time.ts";
import type { Shared } from "./app.tsx";
import { MatrixCanvas } from "./matrix-canvas.tsx";

const EVENTS_MAX = 14;
/** More nodes are drawn, not written. */
const TABLE_MAX = 12;

export const MEMBER_SIGNS: Readonly<Record<MemberState, string>> = {
  ALIVE: "●",
  SUSPECTED: "?",
  FAILED: "✕",
  LEFT: "–",
  UNKNOWN: "·",
};

export function Inspect(shared: Shared) {
  const { store } = shared;
  return (
    <>
      {store.cone !== null && <EventCard {...shared} />}
      {store.selectedNode !== null && <NodeCard {...shared} />}
      {store.cone === null && store.selectedNode === null && <Matrix {...shared} />}
      {store.cone === null && <LastEvents {...shared} />}
    </>
  );
}

function EventCard({ store }: Shared) {
  const { history, cone } = store;
  const entry = cone === null ? undefined : history.entry(cone.index);
  if (cone === null || entry === undefined) return null;
  const cause = history.causeOf(cone.index);
  const flight = entry.kind === "recv" && cause >= 0 ? history.atMs(cone.index) - history.atMs(cause) : null;
  const facts: [string, string][] = [
    ["at", formatClock(history.atMs(cone.index) - store.bounds.beginMs)],
    ["kind", entry.type === undefined ? entry.kind : `${entry.kind} ${entry.type}`],
  ];
  if (entry.from !== undefined) facts.push(["from → to", `${entry.from} → ${entry.to ?? "all"}`]);
  if (entry.id !== undefined) facts.push(["name", entry.id]);
  if (flight !== null) facts.push(["on its way", formatSpan(flight)]);
  if (entry.amount !== undefined) facts.push(["amount", String(entry.amount)]);
  if (entry.record_seq !== undefined) facts.push(["record", `${entry.from}/${entry.record_seq}`]);
  if (entry.vc !== undefined) facts.push(["trade clock", formatVector(Object.entries(entry.vc))]);
  const clock = [...cone.past].sort(([a], [b]) => a - b);
  return (
    <section class="card" aria-label="Selected event">
      <h3>
        Event at node {entry.node}
        <button
          type="button"
          class="plain close"
          aria-label="Let go of this event"
          onClick={() => store.selectEvent(null)}
        >
          ✕
        </button>
      </h3>
      <p class="msg">{entry.msg}</p>
      <Facts facts={facts} />
      <h4>Vector clock</h4>
      <p class="vector">
        {clock.map(([id, count]) => (
          <span key={id} class={id === entry.node ? "own" : ""}>
            <b>{id}</b>
            {count}
          </span>
        ))}
      </p>
      <p class="hint">
        <span class="swatch past" aria-hidden="true" /> its past: all that could have influenced it{" "}
        <span class="swatch future" aria-hidden="true" /> its future, dashed: all that it could influence. What stays
        pale happened independently of it.
      </p>
      <div class="row">
        {cause >= 0 && (
          <button type="button" onClick={() => goTo(store, cause)}>
            ← {entry.kind === "recv" ? "Its sending" : "Its cause"}
          </button>
        )}
        <button type="button" onClick={() => goTo(store, neighbour(store, cone.index, -1))}>
          Before it here
        </button>
        <button type="button" onClick={() => goTo(store, neighbour(store, cone.index, 1))}>
          After it here
        </button>
      </div>
    </section>
  );
}

function goTo(store: Store, index: number): void {
  if (store.history.entry(index) === undefined) return;
  const atMs = store.history.atMs(index);
  if (Math.abs(atMs - store.atMs) > store.windowMs / 4) store.seek(atMs);
  store.selectEvent(index);
}

/** The same node's next event that is shown. */
function neighbour(store: Store, index: number, step: 1 | -1): number {
  const { history } = store;
  const node = history.entry(index)?.node;
  for (let at = index + step; at >= history.begin && at < history.end; at += step)
    if (history.entry(at)?.node === node) return at;
  return -1;
}

function NodeCard({ store }: Shared) {
  const { state, atMs } = store;
  const node = state.nodes.get(store.selectedNode as number);
  if (node === undefined) return null;
  const process = node.process;
  const view = store.snapshot?.nodes.find((candidate) => candidate.id === node.id);
  const facts: [string, string][] = [["process", `${process}, incarnation ${node.inc}`]];
  if (isUp(node)) {
    const role = node.role.toLowerCase();
    facts.push(["role", node.role === "COORDINATOR" && !node.elected ? `${role}, provisional` : role]);
    facts.push(["term", String(node.term)]);
    facts.push([
      "follows",
      node.coordinator === null ? "nobody" : node.coordinator === node.id ? "itself" : `node ${node.coordinator}`,
    ]);
    facts.push(["phase", node.phase.toLowerCase()]);
  }
  facts.push(["own balance", node.balance === null ? "–" : String(node.balance)]);
  if (view?.says != null && view.says.reserved > 0) facts.push(["reserved", String(view.says.reserved)]);
  if (view?.address != null) facts.push(["address", view.address]);
  if (view?.host !== undefined) facts.push(["host", view.host]);
  facts.push(["debits known", formatVector([...node.clock].map(([id, seq]) => [String(id), seq]))]);
  return (
    <section class="card" aria-label={`Node ${node.id}`}>
      <h3>
        Node {node.id}
        <button
          type="button"
          class="plain close"
          aria-label="Let go of this node"
          onClick={() => store.selectNode(null)}
        >
          ✕
        </button>
      </h3>
      <Facts facts={facts} />
      {node.held.size > 0 && (
        <>
          <h4>Held back</h4>
          <ul class="plain-list">
            {[...node.held.values()].map((held) => (
              <li key={held.key}>
                {held.amount} credits {held.from} → {held.to}, record {held.key}: waits for its causes since{" "}
                {formatSpan(atMs - held.sinceMs)}
              </li>
            ))}
          </ul>
        </>
      )}
      {isUp(node) && (
        <>
          <h4>How it sees the others</h4>
          <p class="members">
            {idsOf(state)
              .filter((id) => id !== node.id)
              .map((id) => {
                const standing = standingOf(node, id);
                return (
                  <span key={id} class={`member ${standing}`} title={standing}>
                    {id} {MEMBER_SIGNS[standing]}
                  </span>
                );
              })}
          </p>
        </>
      )}
    </section>
  );
}

function standingOf(node: NodeState, id: number): MemberState {
  return node.members.get(id)?.state ?? "UNKNOWN";
}

/** Row by row, how each node sees each other: disagreement is a column that isn't all alike. */
function Matrix(shared: Shared) {
  const { store } = shared;
  const { state } = store;
  const ids = idsOf(state);
  if (ids.length > TABLE_MAX) return <MatrixCanvas {...shared} />;
  return (
    <section aria-label="Membership views">
      <h3>Membership views</h3>
      <table class="matrix">
        <thead>
          <tr>
            <td />
            {ids.map((id) => (
              <th key={id} scope="col">
                {id}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ids.map((row) => {
            const node = state.nodes.get(row) as NodeState;
            return (
              <tr key={row}>
                <th scope="row">{row}</th>
                {ids.map((id) => {
                  if (id === row || !isUp(node)) return <td key={id} class={id === row ? "self" : "dark"} />;
                  const standing = standingOf(node, id);
                  return (
                    <td key={id} class={standing} title={`${row} sees ${id}: ${standing}`}>
                      <span aria-hidden="true">{MEMBER_SIGNS[standing]}</span>
                      <span class="unseen">{standing}</span>
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="hint">● alive ? suspected ✕ failed – left. Row = observer, column = observed.</p>
    </section>
  );
}

function LastEvents({ store }: Shared) {
  const { history } = store;
  const shown: { index: number; entry: Entry }[] = [];
  for (let index = history.countAt(store.atMs) - 1; index >= history.begin && shown.length < EVENTS_MAX; index--) {
    const entry = history.entry(index);
    if (entry === undefined || entry.kind === "send" || entry.kind === "recv" || entry.level === "debug") continue;
    if (store.selectedNode !== null && entry.node !== store.selectedNode) continue;
    shown.push({ index, entry });
  }
  return (
    <section aria-label="Last events">
      <h3>{store.selectedNode === null ? "Last events" : `Last events of node ${store.selectedNode}`}</h3>
      <ol class="events">
        {shown.map(({ index, entry }) => (
          <li key={index}>
            <button type="button" class="line" onClick={() => store.selectEvent(index)} disabled={entry.node === 0}>
              <span class="when">{formatClock(history.atMs(index) - store.bounds.beginMs)}</span>
              <span class="who">{entry.node === 0 ? "lab" : entry.node}</span>
              {entry.msg}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

export function Facts({ facts }: { readonly facts: readonly (readonly [string, string])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function formatVector(entries: readonly (readonly [string, number])[]): string {
  if (entries.length === 0) return "none";
  return [...entries]
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([id, seq]) => `${id}:${seq}`)
    .join(" ");
}
