// Clusters as `lab watch`, the page and /metrics see them, made up: no node runs.
import type { NodeView, NodeWords, Snapshot } from "../../lab/dash/protocol.ts";

export interface SnapshotOptions {
  /** Nodes that have exited. */
  readonly down?: readonly number[];
  readonly paused?: readonly number[];
  /** Member states that differ from what is so: `[viewer, seen, state]`. */
  readonly views?: readonly (readonly [number, number, NodeWords["members"][number]["state"]])[];
  readonly faults?: Snapshot["faults"];
}

/** `count` nodes with 100 credits each, the highest that runs leads. */
export function clusterSnapshot(count: number, options: SnapshotOptions = {}): Snapshot {
  const { down = [], paused = [], faults = [] } = options;
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  const alive = ids.filter((id) => !down.includes(id) && !paused.includes(id));
  const leader = Math.max(...alive);
  const nodes = ids.map((id): NodeView => {
    const status = down.includes(id) ? "exited" : paused.includes(id) ? "paused" : "running";
    return {
      ...{ id, status, exitCode: status === "exited" ? 137 : null, unplugged: false },
      ...{ startedAtMs: 0, address: `127.0.0.1:${6000 + id}` },
      says: status === "running" ? wordsOf(id, leader, ids, options) : null,
    };
  });
  const agreement = { agreed: true, coordinator: leader, term: 3, elected: true, reason: "" };
  return { type: "snapshot", atMs: 1_767_225_600_000, nodes, faults, agreement };
}

function wordsOf(id: number, leader: number, ids: readonly number[], options: SnapshotOptions): NodeWords {
  const { down = [], paused = [], views = [] } = options;
  const seenBy = (peer: number) =>
    views.find(([viewer, seen]) => viewer === id && seen === peer)?.[2] ??
    (down.includes(peer) || paused.includes(peer) ? "FAILED" : "ALIVE");
  const others = ids.filter((peer) => peer !== id);
  return {
    ...{ id, inc: 1, phase: "READY", role: id === leader ? "COORDINATOR" : "FOLLOWER", coordinator: leader },
    ...{
      term: 3,
      elected: true,
      preempt: true,
      balance: 100,
      ledger_hash: "0123456789abcdef",
      holdback: 0,
      pending: 0,
    },
    members: others.map((peer) => ({
      ...{ id: peer, state: seenBy(peer), inc: 1, phase: "READY", silent_ms: 120, srtt_ms: 0.5 },
    })),
    clock: Object.fromEntries(ids.map((peer) => [peer, peer])),
    balances: Object.fromEntries(ids.map((peer) => [peer, 100])),
    sum: ids.length * 100,
    reserved: 0,
    pending_trades: [],
    counters: { datagrams_sent: 10, datagrams_received: 9, drop_own: 7, drop_replay: 2, naks_sent: 1 },
    uptime_ms: 61_000,
    rss_bytes: 80_000_000,
  };
}
