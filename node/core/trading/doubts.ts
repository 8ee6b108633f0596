/**
 * Buys in doubt that are decided without another word: their payer was started anew, and all that it had paid until then is here.
 *
 * A request names the incarnation of its payer and is refused by any other one, so a later incarnation never executes it; what an earlier
 * one executed has a number up to `boot_seq`. Who holds that log so far and doesn't find the trade in it knows that it never happened and
 * never will. (A payer that comes back as the same process answers the buyer's question itself: negotiation.ts.)
 */
import type { NodeId } from "../../wire/ids.ts";
import { persist } from "../kernel/outbox.ts";
import { entry } from "../kernel/vector-clock.ts";
import { accountOf } from "../ledger/ledger.ts";
import type { NodeState } from "../state.ts";
import { closeRefused, intentRowOf } from "./trade-table.ts";

/** Called when `payer` has told of itself. */
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
    const message = `Trade ${tradeId} never happened: Node ${payer} was started anew before it had executed it`;
    closeRefused(state, trade, "expired", { ok: false, code: "STALE", definite: true, message, tradeId });
  }
}
