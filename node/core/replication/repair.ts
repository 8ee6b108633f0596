/**
 * Repair: digests name what exists, NAKs fetch single records, state transfer fetches the rest.
 *
 * Nothing that was announced can stay missing: each heartbeat carries rows of the sender's durable vector, and a node that lacks a
 * record asks the sender. Sources: Demers et al. 1987 (anti-entropy); PGM, RFC 3208, and JGroups NAKACK2 (repair by multicast
 * when several ask).
 */

import type { Clock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf } from "../../wire/message.ts";
import { confirmPayload } from "../causal/broadcast.ts";
import { askWhoNames, NAK_RANGE_MAX, noteGap } from "../causal/gaps.ts";
import { count, journal, multicast, unicast } from "../kernel/outbox.ts";
import { isRestoring } from "../kernel/phase.ts";
import { setTimer, takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { entry, sortedIds } from "../kernel/vector-clock.ts";
import { recordAt } from "../ledger/account.ts";
import { accountOf, frozenDurable, ledgerHash } from "../ledger/ledger.ts";
import { noteDurable, noteEqual } from "../membership/members.ts";
import { isOutdated, missedFences } from "../recovery/fence.ts";
import type { NodeState } from "../state.ts";
import { abortDoubts } from "../trading/doubts.ts";
import { noteSettled, wakeDoubts } from "../trading/trade-table.ts";
import { compareLedgers } from "./divergence.ts";

/** Records that one NAK may fetch: bounds what a forged or repeated one can cost. */
const REPAIRS_PER_NAK_MAX = 64;
/** One member's word can stop this node's debits once in this time. */
const DOUBT_GAP_MS = 60_000;

/**
 * At most `maxRows` rows of the durable vector: those that changed since the last digest, then a window that moves on each time, so
 * that a row whose change was lost is told again (changed rows alone never converge after a loss).
 */
export function buildDigest(state: NodeState, maxRows: number): Clock {
  const { durable, digest } = state.ledger;
  const ids = sortedIds(durable);
  if (ids.length <= maxRows) {
    digest.changed.clear();
    return new Map(ids.map((id) => [id, entry(durable, id)]));
  }
  const chosen = new Set<NodeId>();
  const rotating = Math.min(maxRows, Math.ceil(ids.length / 8));
  for (const id of [...digest.changed].sort((a, b) => a - b)) {
    if (chosen.size >= maxRows - rotating) break;
    chosen.add(id);
    digest.changed.delete(id);
  }
  if (!state.rules.digestTurns) return new Map([...chosen].sort((a, b) => a - b).map((id) => [id, entry(durable, id)]));
  const start = ids.findIndex((id) => id > digest.cursor);
  for (let step = 0; step < ids.length && chosen.size < maxRows; step++) {
    const id = ids[(Math.max(start, 0) + step) % ids.length] as NodeId;
    chosen.add(id);
    digest.changed.delete(id);
    digest.cursor = id;
  }
  return new Map([...chosen].sort((a, b) => a - b).map((id) => [id, entry(durable, id)]));
}

/** `from` has these records on disk; `hash` covers all of its ledger, so equal ones need no look at the rows. */
export function onDigest(state: NodeState, from: NodeId, rows: Clock, hash: string): void {
  const isEqual = hash === ledgerHash(state);
  // Numbers behind a fence that the sender doesn't know are those of a disk that was lost: they say nothing about this log.
  const digest = isEqual ? rows : new Map([...rows].filter(([id]) => !isOutdated(state, from, id)));
  // Equal ledgers, so all rows are told, not only those that the heartbeat had room for.
  if (isEqual) noteEqual(state, from, frozenDurable(state));
  else noteDurable(state, from, digest);
  noteSettled(state, from, entry(isEqual ? state.ledger.durable : digest, state.self.id));
  abortDoubts(state, from);
  wakeDoubts(state, from);
  if (isEqual || !state.rules.digest) return;
  compareLedgers(state, from, rows);
  for (const fence of missedFences(state, from, rows))
    unicast(state, from, "TRADE_CONFIRM", confirmPayload(fence), { clock: fence.deps });
  for (const [id, seq] of digest) {
    if (id === state.self.id && isOwnLogAhead(state, seq, from)) continue;
    noteGap(state, id, seq, from);
    if (seq > entry(state.ledger.clock, id)) askWhoNames(state, id, from);
  }
}

export function onNak(state: NodeState, message: MessageOf<"NAK">, from: Origin): void {
  let left = REPAIRS_PER_NAK_MAX;
  for (const range of message.payload.ranges) {
    const account = accountOf(state, range.origin);
    const to = Math.min(range.to, range.from + NAK_RANGE_MAX - 1, entry(state.ledger.durable, range.origin));
    for (let seq = Math.max(1, range.from); seq <= to && left > 0; seq++) {
      left -= 1;
      const { recalled } = state;
      const stored = recalled?.seller_id === range.origin && recalled.seq === seq ? recalled : undefined;
      const record = (account === undefined ? undefined : recordAt(account, seq)) ?? stored;
      // Compacted: who asks in vain turns to state transfer, which has a snapshot.
      if (record === undefined) continue;
      const route = routeOfRepair(state, `${range.origin}/${seq}`);
      if (route === "none") continue;
      count(state, route === "multicast" ? "repairs_multicast" : "repairs_unicast");
      const options = { clock: record.deps };
      if (route === "multicast") multicast(state, "TRADE_CONFIRM", confirmPayload(record), options);
      else unicast(state, from.sender, "TRADE_CONFIRM", confirmPayload(record), options);
    }
  }
}

export function onAck(state: NodeState, message: MessageOf<"ACK">, from: Origin): void {
  const { origin, seq } = message.payload;
  noteDurable(state, from.sender, new Map([[origin, seq]]));
  if (origin === state.self.id) noteSettled(state, from.sender, seq);
}

/** First asker: unicast at once. A second one within the NAK backoff: everybody. More of them have it on the way already. */
function routeOfRepair(state: NodeState, key: string): "unicast" | "multicast" | "none" {
  const { repairs } = state.causal;
  const since = state.nowMs - state.config.timing.nakBackoffMs;
  for (const [oldest, { atMs }] of repairs) {
    if (atMs > since) break;
    repairs.delete(oldest);
  }
  const recent = repairs.get(key);
  if (recent === undefined) {
    repairs.set(key, { atMs: state.nowMs, askers: 1 });
    return "unicast";
  }
  recent.askers += 1;
  return recent.askers === 2 ? "multicast" : "none";
}

/** Another node says that it has more of the own log than this disk: lost disk, an id used twice, or a lie. While joining it is simply fetched. */
export function isOwnLogAhead(state: NodeState, seq: number, from: NodeId): boolean {
  const { phase, ledger, self } = state;
  const own = entry(ledger.clock, self.id);
  if (seq <= own || isRestoring(state)) return false;
  if (phase === "READY" || phase === "LEAVING") askForProof(state, seq, own, from);
  return true;
}

/**
 * A number in a digest proves nothing: the record itself does, and receiving it means CONFLICT (delivery.ts). Until it had time to come,
 * this node makes no debit that might get the same number. A peer that couldn't prove its word causes no such pause again for a while.
 */
function askForProof(state: NodeState, seq: number, own: number, from: NodeId): void {
  count(state, "own_log_doubted");
  unicast(state, from, "NAK", { ranges: [{ origin: state.self.id, from: own + 1, to: own + 1 }] });
  if (!takeTurn(state, "doubted-by", from, DOUBT_GAP_MS)) return;
  setTimer(state.timers, "own-log-doubt", "", state.nowMs + state.config.timing.ownLogDoubtMs);
  const msg = `Node ${from} has debit ${seq} of this node, whose own log ends at ${own}: asking for the record, no new debits until it is here`;
  journal(state, { kind: "drop", level: "warn", msg, from, record_seq: seq });
}
