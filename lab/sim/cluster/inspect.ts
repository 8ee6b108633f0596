/**
 * Words about a whole cluster (node/protocol/words.md): agree, converged; and one line about a node for people.
 */
import { describePing } from "../../../node/core/query/query.ts";
import type { SimNode } from "../world/sim-node.ts";

/** All follow one coordinator, which says so of itself and, with preemption, is the highest READY id. */
export function isAgreed(nodes: readonly SimNode[], preempt: boolean): boolean {
  const first = nodes[0]?.state;
  if (first === null || first === undefined) return false;
  const { coordinator, claimTerm, elected } = first.election;
  if (coordinator === null) return false;
  let highestReady = 0;
  let leads = false;
  for (const { state } of nodes) {
    if (state === null) return false;
    const own = state.election;
    if (own.coordinator !== coordinator || own.claimTerm !== claimTerm || own.elected !== elected) return false;
    if (state.self.id === coordinator) leads = own.role === "COORDINATOR";
    if (state.phase === "READY") highestReady = Math.max(highestReady, state.self.id);
  }
  return leads && (!preempt || coordinator === highestReady);
}

export function isConverged(nodes: readonly SimNode[], preempt: boolean): boolean {
  return isAgreed(nodes, preempt) && hasEqualLedgers(nodes);
}

/** Equal durable vectors and hashes, hold-back queues empty, no trade open. */
export function hasEqualLedgers(nodes: readonly SimNode[]): boolean {
  return isSettled(nodes) && haveEqualVectors(nodes);
}

/** No trade is open that can still move. */
export function isSettled(nodes: readonly SimNode[]): boolean {
  return nodes.every(({ state }) => state !== null && describePing(state).pending === 0);
}

/** All READY, with equal durable vectors and hashes and nothing held back. */
export function haveEqualVectors(nodes: readonly SimNode[]): boolean {
  let first: string | null = null;
  for (const { state } of nodes) {
    if (state === null || state.phase !== "READY") return false;
    const data = describePing(state);
    if (data.holdback > 0) return false;
    const ledger = `${data.ledger_hash} ${describeVector(state.ledger.durable)}`;
    first ??= ledger;
    if (ledger !== first) return false;
  }
  return first !== null;
}

export function describeState(node: SimNode): string {
  const { state } = node;
  if (state === null)
    return `  node ${node.slot} down${node.exit === null ? "" : ` (exit ${node.exit.code}: ${node.exit.reason})`}`;
  const { election } = state;
  const members = [...state.members.values()].map((member) => `${member.id}:${member.state}`).join(" ");
  const data = describePing(state);
  return (
    `  node ${node.slot}.${node.incarnation} ${node.status} ${state.phase} ${election.role} follows ${election.coordinator} ` +
    `(term ${election.claimTerm}${election.elected ? " elected" : ""}, seen ${election.term}) balance ${data.balance} ` +
    `clock ${describeVector(state.ledger.clock)} durable ${describeVector(state.ledger.durable)} held ${data.holdback} pending ${data.pending} [${members}]`
  );
}

function describeVector(clock: ReadonlyMap<number, number>): string {
  return `[${[...clock]
    .filter(([, seq]) => seq > 0)
    .sort(([a], [b]) => a - b)
    .map(([id, seq]) => `${id}:${seq}`)
    .join(" ")}]`;
}
