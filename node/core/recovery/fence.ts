/**
 * Fences, as every node sees them: where a log goes on after its owner lost its disk.
 *
 * A fence is a record of the owner's log like any other, a payment of nothing to itself, so it travels, is repaired, stored and counted
 * by the vector like the rest. Debits of that number or later on the lost disk hang on another
 * chain: a node that finds such a debit afterwards shows it as lost and never applies it. Before a fence is written the members promise, on
 * disk, to deliver nothing behind it (the first phase of Lamport's Paxos, 1998, with the owner as the only proposer), so no copy that is
 * still under way can be delivered between the owner's question and the fence.
 */

import type { Clock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf, TradeRecord } from "../../wire/message.ts";
import { removeHeld } from "../causal/holdback.ts";
import { count, journal, persist, unicast } from "../kernel/outbox.ts";
import { becomeConflict } from "../kernel/phase.ts";
import type { Row } from "../kernel/rows.ts";
import { cancelTimer } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { coversAccounts, entry, sortedIds } from "../kernel/vector-clock.ts";
import { lastSeq, recordAt } from "../ledger/account.ts";
import { accountOf, isFence } from "../ledger/ledger.ts";
import { parseTradeId } from "../ledger/trade-id.ts";
import { isLive } from "../membership/members.ts";
import type { NodeState } from "../state.ts";
import { isNeedless } from "./promises.ts";

/** More fenced accounts than this don't fit a heartbeat beside the rest: the newest ids are told, by turns. */
const FENCES_TOLD_MAX = 32;
/** One heartbeat is answered by so many fences at most. */
const FENCES_SHOWN_MAX = 4;
const LOST_MAX = 256;
const ABSENT_TOLD_MAX = 180;

/** The last fence in each log that is on disk: two vectors with the same numbers differ by them. */
export function fencesOf(state: NodeState): { fences?: Clock } {
  const fences = new Map<NodeId, number>();
  for (const id of sortedIds(state.ledger.durable)) {
    const { fencedAt = 0 } = accountOf(state, id) ?? {};
    if (fencedAt > 0 && fencedAt <= entry(state.ledger.durable, id)) fences.set(id, fencedAt);
  }
  if (fences.size === 0) return {};
  if (fences.size <= FENCES_TOLD_MAX) return { fences };
  // The own one always: others rely on it (promises.ts).
  const own = [...fences].filter(([id]) => id === state.self.id);
  const rows = [...fences].filter(([id]) => id !== state.self.id);
  const start = (state.beat.seq * FENCES_TOLD_MAX) % rows.length;
  return { fences: new Map([...own, ...rows.slice(start), ...rows.slice(0, start)].slice(0, FENCES_TOLD_MAX)) };
}

/**
 * Compares another node's fences with ours: one that contradicts our log means that we hold debits that were given up. A number proves nothing, or a
 * liar's heartbeat would stop the whole group: this node asks for the fence itself, which stops it when it comes (delivery.ts).
 */
export function onFences(state: NodeState, fences: Clock | undefined, from: NodeId): void {
  const member = state.members.get(from);
  if (member !== undefined) member.fences = fences ?? new Map();
  for (const [id, seq] of fences ?? []) {
    const account = accountOf(state, id);
    if (account === undefined || lastSeq(account) < seq) continue;
    const known = recordAt(account, seq);
    if (known === undefined ? seq <= account.fencedAt : isFence(known)) continue;
    // A joining node has done nothing that the fence could contradict, and loses nothing by stopping.
    if ((state.phase === "JOINING" || state.phase === "SYNCING") && seq > account.fencedAt) {
      becomeFencedOff(state, id, seq);
      return;
    }
    count(state, "fences_doubted");
    askForFence(state, id, seq, from);
  }
}

/** Asks for a record of which this node has one under the same number: a different one has to be a fence. */
export function askForFence(state: NodeState, origin: NodeId, seq: number, from: NodeId): void {
  unicast(state, from, "NAK", { ranges: [{ origin, from: seq, to: seq }] });
}

/**
 * Our fences that `from` passed without knowing them, the earliest first: its log of that account was given up there. Heartbeats name an
 * account's last fence only; where that is beyond the other's log, its number says nothing of an earlier one that contradicts it, and
 * a node that has that number never asks for it. So the proof is sent unasked.
 */
export function missedFences(state: NodeState, from: NodeId, rows: Clock): TradeRecord[] {
  const missed: TradeRecord[] = [];
  for (const [origin, seq] of rows) {
    const account = accountOf(state, origin);
    const told = entry(state.members.get(from)?.fences ?? new Map(), origin);
    if (account === undefined || account.fencedAt === told) continue;
    // A fence that isn't ours: its log may have left ours anywhere.
    const known = recordAt(account, told);
    const passed = told > account.base.seq && (known === undefined || !isFence(known)) ? 0 : told;
    const upTo = Math.min(seq, account.fencedAt, entry(state.ledger.durable, origin));
    const behind = account.records.slice(Math.max(0, passed - account.base.seq), Math.max(0, upTo - account.base.seq));
    missed.push(...behind.filter(isFence));
    if (missed.length >= FENCES_SHOWN_MAX) break;
  }
  return missed.slice(0, FENCES_SHOWN_MAX);
}

/** A member knows a fence behind this node's last one: which of two records of that account counts is not clear here yet. */
export function isFenceAhead(state: NodeState, origin: NodeId): boolean {
  const { fencedAt = 0 } = accountOf(state, origin) ?? {};
  for (const { fences } of state.members.values()) if (entry(fences, origin) > fencedAt) return true;
  return false;
}

/**
 * The later incarnation's fence wins, not the one with the higher number: a fence may be lost with its disk, and its owner writes the next
 * one without knowing of it.
 */
export function isLaterFence(state: NodeState, fence: TradeRecord): boolean {
  const account = accountOf(state, fence.seller_id);
  const last = account === undefined ? undefined : recordAt(account, account.fencedAt);
  // Compacted, or none: then numbers have to do.
  if (last === undefined) return fence.seq > (account?.fencedAt ?? 0);
  const [mine, other] = [lifeOf(last), lifeOf(fence)];
  return other === mine ? fence.seq > last.seq : other > mine;
}

/** The incarnation that wrote it. */
function lifeOf({ trade_id }: TradeRecord): number {
  return parseTradeId(trade_id)?.incarnation ?? 0;
}

/** True when `from` doesn't know the last fence of that log: its numbers from there on are those of the lost disk. */
export function isOutdated(state: NodeState, from: NodeId, origin: NodeId): boolean {
  const { fencedAt = 0 } = accountOf(state, origin) ?? {};
  return fencedAt > 0 && entry(state.members.get(from)?.fences ?? new Map(), origin) < fencedAt;
}

/** True while a promise holds this debit back: the coming fence may give it up. Once the fence is held here, it is clear which ones it does. */
export function isFencedOff(state: NodeState, record: TradeRecord): boolean {
  const { at } = state.recovery.promises.get(record.seller_id) ?? {};
  if (at === undefined || record.seq <= at || isFence(record)) return false;
  for (const held of state.causal.holdback.get(record.seller_id)?.values() ?? [])
    if (isFence(held) && held.seq > record.seq) return false;
  return true;
}

/** A fence was delivered: the promise is kept. Records that were asked for behind it may never have existed. */
export function closePromise(state: NodeState, fence: TradeRecord): Row[] {
  const { seller_id: account } = fence;
  state.causal.gaps.delete(account);
  cancelTimer(state.timers, "nak", account);
  if (!state.recovery.promises.delete(account)) return [];
  return [{ table: "fence", account, at: null }];
}

/** A debit that a fence gave up has turned up: shown, never applied. */
export function noteLost(state: NodeState, record: TradeRecord): void {
  const { lost } = state.recovery;
  const { seller_id, buyer_id, amount, seq, trade_id } = record;
  const key = `${seller_id}/${seq}/${trade_id}`;
  count(state, "lost_records_found");
  if (lost.has(key)) return;
  lost.set(key, record);
  const [oldest] = lost.keys();
  if (lost.size > LOST_MAX && oldest !== undefined) lost.delete(oldest);
  journal(state, {
    kind: "drop",
    level: "error",
    msg: `LOST: debit ${seq} of Node ${seller_id} (${amount} credits to Node ${buyer_id}) was given up with its disk and doesn't count`,
    id: trade_id,
    from: seller_id,
    to: buyer_id,
    amount,
    record_seq: seq,
  });
}

/** This ledger has debits that the others gave up while this node was away: it no longer fits theirs. */
export function becomeFencedOff(state: NodeState, origin: NodeId, seq: number): void {
  if (state.phase === "CONFLICT" || state.phase === "HALTED") return;
  const records = accountOf(state, origin)?.records ?? [];
  for (const record of records) if (record.seq >= seq) noteLost(state, record);
  const last = entry(state.ledger.clock, origin);
  const which = origin === state.self.id ? "this node" : `Node ${origin}`;
  becomeConflict(
    state,
    `CONFLICT: debits ${seq} to ${last} of ${which} were given up while this node was away; it stops taking part. To bring it back: stop it, move its data directory away (keep it), start it again; of several such nodes one at a time, each when the one before is RECOVERING or READY`,
  );
}

/**
 * Held debits that wait for a number behind a fence may wait for what was given up. Dropping is safe: a node that
 * has them and their causes names them again.
 */
export function dropWaitingForLost(state: NodeState): void {
  for (const [origin, queue] of [...state.causal.holdback])
    for (const [seq, record] of [...queue]) if (waitsBehindFence(state, record)) removeHeld(state, origin, seq);
}

function waitsBehindFence({ ledger }: NodeState, record: TradeRecord): boolean {
  for (const [id, seq] of record.deps) {
    const { fencedAt = 0 } = ledger.accounts.get(id) ?? {};
    if (fencedAt > 0 && seq > entry(ledger.clock, id)) return true;
  }
  return false;
}

/** A node that lost its disk asks how much of its log is known here, then for the promise. Only the owner can ask. */
export function onFenceRequest(state: NodeState, message: MessageOf<"FENCE_REQUEST">, from: Origin): void {
  // A joining node may not have read all of its records yet; a node that can't write can't promise.
  if (state.phase !== "READY" && state.phase !== "RECOVERING") return;
  const { stage, at, accept_loss: acceptLoss } = message.payload;
  const { sender: account } = from;
  const delivered = entry(state.ledger.clock, account);
  const have = Math.max(delivered, acceptLoss ? 0 : highestHeld(state, account));
  // Debits that are held behind a missing one, or by an earlier promise, can't be delivered before the fence: they are no reason to refuse.
  const following = state.causal.holdback.get(account)?.get(at + 1);
  const next = delivered > at || (!acceptLoss && following !== undefined && !isFencedOff(state, following));
  const promised = stage === "promise" && !next && !isNeedless(state, from);
  const { phase } = state;
  const absent = absentIds(state, account);
  const answer = { at, accept_loss: acceptLoss, have, next, promised, phase, absent };
  if (!promised) {
    unicast(state, account, "FENCE_RESPONSE", answer);
    return;
  }
  // A late fence of a life whose disk was lost as well must not release debits that the promise holds back (isFencedOff).
  for (const held of [...(state.causal.holdback.get(account)?.values() ?? [])])
    if (isFence(held)) removeHeld(state, account, held.seq);
  const { incarnation } = from;
  state.recovery.promises.set(account, { at, incarnation, readySinceMs: null });
  const afterWrite = persist(state, [{ table: "fence", account, at, asker: incarnation }]);
  unicast(state, account, "FENCE_RESPONSE", answer, { afterWrite });
}

function highestHeld(state: NodeState, origin: NodeId): number {
  return Math.max(0, ...(state.causal.holdback.get(origin)?.keys() ?? []));
}

/** Debit `seq` came before its causes, or before the debits before it. */
export function isHeld(state: NodeState, origin: NodeId, seq: number): boolean {
  return state.causal.holdback.get(origin)?.has(seq) ?? false;
}

/** Known nodes that don't take part; 1: nothing is lost with it, since it left and this disk has all that it had. */
function absentIds(state: NodeState, asker: NodeId): Clock {
  const absent = new Map<NodeId, number>();
  const ids = new Set([...state.ledger.accounts.keys(), ...state.members.keys()]);
  for (const id of [...ids].sort((a, b) => a - b)) {
    const member = state.members.get(id);
    if (id === state.self.id || id === asker || absent.size >= ABSENT_TOLD_MAX) continue;
    if (member?.state === "UNKNOWN" && !state.ledger.accounts.has(id)) continue;
    if (member === undefined || !isLive(member)) absent.set(id, isCovered(state, id) ? 1 : 0);
  }
  return absent;
}

/** True when `id` left and our disk has everything that it had. */
export function isCovered(state: NodeState, id: NodeId): boolean {
  const departure = state.recovery.departures.get(id);
  if (departure === undefined || departure.incarnation < (state.members.get(id)?.incarnation ?? 0)) return false;
  return coversAccounts(state.ledger.durable, departure.clock);
}
