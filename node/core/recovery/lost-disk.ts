/**
 * RECOVERING: the way back of a node whose disk was lost, from its old balance to its next debit.
 *
 * It has got back its account and the part of its log that others know. Any of its debits may still be known to one payee alone, so it asks
 * every member for the highest number that was seen there, fetches what is missing, lets all of them promise to deliver nothing
 * behind that, and writes a fence as its next record. Debits that members hold back behind one that nobody has are given up with the disk.
 * `recover --accept-loss` does the same without the members that are away, given a majority of the voters and the promises of all that
 * are here.
 */

import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf } from "../../wire/message.ts";
import { noteGap } from "../causal/gaps.ts";
import { journal, unicast } from "../kernel/outbox.ts";
import { hasTimer, setTimer } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { entry } from "../kernel/vector-clock.ts";
import { parseTradeId } from "../ledger/trade-id.ts";
import { sendJoin } from "../membership/introduction.ts";
import { aliveIds } from "../membership/members.ts";
import { outgrow } from "../membership/stale-incarnation.ts";
import type { NodeState } from "../state.ts";
import { answerOf, awaited, isAnswered, lastKnown, waitingText } from "./awaited.ts";
import { writeFence } from "./own-fence.ts";

const ASK_FIRST_MS = 50;
const ASK_CAP_MS = 2_000;
/** A complete group answers sooner, and nobody needs a line about it. */
const ASKS_BEFORE_TOLD = 2;

/** Level trigger, after every input: asks, and writes the fence once nothing is left to wait for. */
export function reviewRecovery(state: NodeState): void {
  const { recovery } = state;
  if (state.phase !== "RECOVERING" || recovery.fenceWriteId !== null) return;
  if (hasUnasked(state)) {
    recovery.attempts = 0;
    ask(state);
  } else if (!hasTimer(state.timers, "recovery-ask", "")) ask(state);
  const last = lastKnown(state);
  if (last !== entry(state.ledger.clock, state.self.id)) return;
  if (awaited(state, "ask").length > 0) return;
  // When the others have restarted too, only trade ids show this node's earlier incarnations: none may be used again.
  if (awaited(state, "promise").length === 0 && !outgrow(state, usedIncarnation(state))) writeFence(state, last);
}

export function askAgain(state: NodeState): void {
  if (state.phase !== "RECOVERING" || state.recovery.fenceWriteId !== null) return;
  ask(state);
  if (state.recovery.attempts > ASKS_BEFORE_TOLD) tellOnce(state);
}

/** The promise is asked for last: it keeps members from delivering, so it should be short. */
function ask(state: NodeState): void {
  const { recovery } = state;
  const stage = stageOf(state);
  const at = lastKnown(state);
  for (const id of aliveIds(state)) {
    if (isAnswered(state, id, stage)) continue;
    recovery.asked.set(id, questionTo(state, id, stage));
    unicast(state, id, "FENCE_REQUEST", { stage, at, accept_loss: recovery.acceptLoss !== null });
    // A member that remembers a later process of this node, or its LEAVE, accepts only a JOIN, and answers with the incarnation to exceed.
    if (recovery.attempts >= ASKS_BEFORE_TOLD && answerOf(state, id) === undefined) sendJoin(state, id);
  }
  const waitMs = Math.min(ASK_FIRST_MS << Math.min(recovery.attempts, 6), ASK_CAP_MS);
  recovery.attempts += 1;
  setTimer(state.timers, "recovery-ask", "", state.nowMs + waitMs);
}

function stageOf(state: NodeState): "ask" | "promise" {
  return awaited(state, "ask").length === 0 ? "promise" : "ask";
}

/** True when a member has to be asked something new, at once. A repetition may wait. */
function hasUnasked(state: NodeState): boolean {
  const stage = stageOf(state);
  const isUnasked = (id: NodeId) => state.recovery.asked.get(id) !== questionTo(state, id, stage);
  return aliveIds(state).some((id) => !isAnswered(state, id, stage) && isUnasked(id));
}

/** Two questions to a member are the same if this text is. */
function questionTo(state: NodeState, id: NodeId, stage: "ask" | "promise"): string {
  const { self, members, recovery } = state;
  const { requestId = "" } = recovery.acceptLoss ?? {};
  return [self.incarnation, members.get(id)?.incarnation, stage, lastKnown(state), requestId].join(" ");
}

export function onFenceResponse(state: NodeState, message: MessageOf<"FENCE_RESPONSE">, from: Origin): void {
  const { recovery } = state;
  if (state.phase !== "RECOVERING" || recovery.fenceWriteId !== null) return;
  const { at, accept_loss, have, next = true, promised, phase, absent } = message.payload;
  // The question was withdrawn meanwhile, and another one counts.
  if (accept_loss !== (recovery.acceptLoss !== null)) return;
  recovery.answers.set(from.sender, {
    incarnation: from.incarnation,
    have,
    endsAt: next ? -1 : at,
    promisedAt: promised ? at : -1,
    phase,
    absent,
  });
  noteGap(state, state.self.id, have, from.sender);
}

function tellOnce(state: NodeState): void {
  const text = waitingText(state);
  if (text === state.recovery.told) return;
  state.recovery.told = text;
  journal(state, { kind: "state", level: "warn", msg: `RECOVERING: ${text}` });
}

/** The highest incarnation in which this node is known to have asked for a trade; 0: none. */
function usedIncarnation({ ledger, self }: NodeState): number {
  let used = 0;
  for (const { base } of ledger.accounts.values()) used = Math.max(used, base.named.get(self.id) ?? 0);
  for (const tradeId of ledger.byTrade.keys()) {
    const name = parseTradeId(tradeId);
    if (name?.from === self.id) used = Math.max(used, name.incarnation);
  }
  return used;
}
