/**
 * What people ask of a node, whatever it is doing, and orders that it must refuse. Questions change nothing; a refused order says why.
 */
import { createOperations, type Operations } from "../../../node/runtime/operations.ts";
import { AMOUNT_MAX } from "../../../node/wire/ids.ts";
import type { SimCluster } from "../cluster/sim-cluster.ts";
import type { Draw } from "../world/draw.ts";
import type { SimNode } from "../world/sim-node.ts";

type Question = Parameters<Operations>[0];

/** Asks everything that can be asked. Ends the run when a question has no answer. Returns how many were asked. */
export function askEverything(sim: SimCluster, slot: number): number {
  const node = sim.node(slot);
  const ask = operationsOf(node);
  if (ask === null) return 0;
  const trades = [...(node.state?.trading.pending.keys() ?? []), ...(node.state?.ledger.byTrade.keys() ?? [])];
  const request_id = "question";
  const questions: readonly Question[] = [
    { op: "ping", request_id },
    { op: "state", request_id },
    { op: "status", request_id },
    { op: "balance", request_id },
    { op: "nodes", request_id },
    { op: "history", request_id, offset: 0, limit: 20 },
    ...["1.1.1.2", ...trades.slice(0, 3)].map((trade_id) => ({ op: "trade", request_id, trade_id }) as const),
  ];
  for (const question of questions)
    if (ask(question)?.ok !== true) sim.fail(`node ${slot} has no answer to "${question.op}"`);
  return questions.length;
}

/** Orders that make no sense, at least for most nodes. */
export function orderOddly(sim: SimCluster, slot: number, draw: Draw): number {
  const peer = draw.pick(sim.ids);
  const { incarnation } = sim.node(slot);
  sim.command(
    slot,
    draw.pick([
      { op: "recover", acceptLoss: false },
      { op: "sell", peer, amount: AMOUNT_MAX + 1 },
      { op: "buy", peer: Math.max(...sim.ids) + 50, amount: 1 },
      { op: "sell", peer, amount: 1, inc: incarnation - 1 },
    ] as const),
  );
  return 1;
}

function operationsOf({ state, store, config, id }: SimNode): Operations | null {
  if (state === null) return null;
  const never = () => {
    throw new Error("a question is no order");
  };
  const facts = { auth: "keyed", keys: [], profile: "", rssBytes: 0, hostCounters: new Map(), uptimeMs: 0 } as const;
  return createOperations({
    state,
    archive: config.durable ? store.archiveOf(id) : null,
    command: never,
    impair: never,
    leave: never,
    facts: () => ({ ...facts, counters: new Map(), impairments: [], impairGeneration: 0 }),
  });
}
