/**
 * Committed debits are confirmed to their payee until it tells, by ACK or digest, that it has them on disk; there is no last try.
 *
 * One timer for each payee, not for each trade: the oldest confirmations go out again, and a payee that gets a later one asks for the
 * rest by NAK. The delay grows from four round trips by 1.4 each time, up to a cap, so a payee that is away costs next to nothing.
 */
import type { NodeId } from "../../wire/ids.ts";
import { confirmPayload } from "../causal/broadcast.ts";
import { count, unicast } from "../kernel/outbox.ts";
import { hasTimer, setTimer } from "../kernel/timers.ts";
import { entry } from "../kernel/vector-clock.ts";
import { recordAt } from "../ledger/account.ts";
import { accountOf } from "../ledger/ledger.ts";
import type { NodeState } from "../state.ts";

/** Confirmations that one retransmission sends to one payee: the rest is repaired by NAK once it hears these. */
const CONFIRMS_PER_RESEND_MAX = 16;

/** The payee hasn't told that it has them on disk: send the oldest confirmations again. */
export function onConfirmTimer(state: NodeState, peer: NodeId): void {
  const queue = state.trading.unacked.get(peer);
  if (queue === undefined || !state.rules.confirmRepetition) return;
  const delayMs = retryDelayMs(state, peer, 0);
  let sent = 0;
  for (const [seq, item] of queue.entries) {
    if (sent >= CONFIRMS_PER_RESEND_MAX || seq > entry(state.ledger.durable, state.self.id)) break;
    if (item.sentAtMs + delayMs > state.nowMs) break;
    const account = accountOf(state, state.self.id);
    const record = account === undefined ? undefined : recordAt(account, seq);
    // Compacted: the payee was away for long, and gets a snapshot when it asks for what the digest names.
    if (record === undefined) continue;
    unicast(state, peer, "TRADE_CONFIRM", confirmPayload(record), { clock: record.deps });
    sent += 1;
  }
  if (sent > 0) queue.attempts += 1;
  count(state, "confirms_repeated", sent);
  setTimer(state.timers, "confirm", peer, state.nowMs + retryDelayMs(state, peer, queue.attempts));
}

/** A debit to `peer` is on disk and has been sent: its acknowledgement is due. */
export function rearmConfirm(state: NodeState, peer: NodeId): void {
  if (hasTimer(state.timers, "confirm", peer)) return;
  setTimer(state.timers, "confirm", peer, state.nowMs + retryDelayMs(state, peer, 0));
}

/** First after four round trips, within bounds, then 1.4 times longer each time. */
export function retryDelayMs(state: NodeState, peer: NodeId, attempts: number): number {
  const { retransmitMinMs, retransmitMaxMs, retransmitCapMs } = state.config.timing;
  const srttMs = state.members.get(peer)?.srttMs ?? retransmitMaxMs;
  let delayMs = Math.max(retransmitMinMs, Math.min(retransmitMaxMs, Math.ceil(4 * srttMs)));
  for (let i = 0; i < attempts && delayMs < retransmitCapMs; i++) delayMs = Math.ceil((delayMs * 7) / 5);
  return Math.min(delayMs, retransmitCapMs);
}
