/**
 * Decides buys in doubt without asking their payer: it has restarted, and this node has all that it had paid before.
 *
 * A request names the incarnation of its payer and is refused by any other one, so a later incarnation never executes it; what an earlier
 * one executed has a number up to `boot_seq`. A node that has the log up to there and doesn't find the trade in it knows that the trade never
 * happened and never will. (A payer that comes back as the same process answers the buyer's question itself: counterparty.ts.)
 */
import type { NodeId } from "../../wire/ids.ts";
import { persist } from "../kernel/outbox.ts";
import { entry } from "../kernel/vector-clock.ts";
import { accountOf } from "../ledger/ledger.ts";
import type { NodeState } from "../state.ts";
import { closeRefused, intentRowOf } from "./trade-table.ts";

/** Called when `payer` has sent a heartbeat. */
export function abortDoubts(state: NodeState, payer: NodeId): void {
  const doubts = state.trading.doubts.get(payer);
  const member = state.members.get(payer);
  if (doubts === undefined || member === undefined || member.bootSeq === null || state.phase === "HALTED") return;
  if (entry(state.ledger.clock, payer) < member.bootSeq) return;
  // A snapshot says how much was paid and not for what: the payer has to be asked.
  if ((accountOf(state, payer)?.base.taken ?? 0) > 0) return;
  for (const tradeId of [...doubts]) {
    const trade = state.trading.pending.get(tradeId);
    if (trade === undefined || member.incarnation <= trade.peerIncarnation) continue;
    persist(state, [intentRowOf(trade, true)]);
    const message = `Trade ${tradeId} never happened: Node ${payer} restarted before it had executed it`;
    closeRefused(state, trade, "expired", { ok: false, code: "STALE", definite: true, message, tradeId });
  }
}
