/**
 * Gaps: records that exist (a later one or a digest named them) and have not come. NAK asks for them.
 *
 * A random backoff lets late packets arrive and one request serve many receivers; then the request goes to the peer that named the
 * record (it holds all causes of what it sent), to the origin, to any peer, at doubling intervals. Sources: RFC 5740 (NORM) for the backoff;
 * JGroups NAKACK2 for asking by range; Aeron for the 10 ms.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import { count, unicast } from "../kernel/outbox.ts";
import { drawBelow } from "../kernel/random.ts";
import { cancelTimer, setTimer } from "../kernel/timers.ts";
import { entry } from "../kernel/vector-clock.ts";
import type { NodeState } from "../state.ts";
import { anotherPeer, startPull } from "./pull.ts";

export interface Gap {
  upTo: number;
  /** The peer that advertised it, so has it. */
  via: NodeId;
  attempts: number;
  /** NAKs since a record of this origin was delivered last. */
  asked: number;
}

export const NAK_RANGE_MAX = 16;
const NAK_RANGES_MAX = 16;
const RENAK_FIRST_MS = 20;
const RENAK_CAP_MS = 1_000;
/** The first NAKs follow each other so closely that nothing can speed them up. */
const ATTEMPTS_QUICK = 3;
/** A gap of more records than this is a transfer, not a repair. */
const REPAIR_RECORDS_MAX = 64;
/** After so many NAKs without an answer the record may be compacted everywhere. */
const NAKS_BEFORE_TRANSFER = 3;

/** `via` has records of `origin` up to `upTo`. */
export function noteGap(state: NodeState, origin: NodeId, upTo: number, via: NodeId): void {
  const have = state.ledger.clock.get(origin);
  if (have === undefined) {
    startPull(state, via, "records");
    return;
  }
  if (upTo <= have || !state.rules.nak) return;
  const known = state.causal.gaps.get(origin);
  if (known !== undefined) {
    if (upTo <= known.upTo) return;
    known.upTo = upTo;
    known.via = via;
    return;
  }
  state.causal.gaps.set(origin, { upTo, via, attempts: 0, asked: 0 });
  setTimer(state.timers, "nak", origin, state.nowMs + drawBelow(state.random, state.config.timing.nakBackoffMs + 1));
}

/**
 * A digest names a record that is still missing. Its sender has the record and is there, so it is asked now. The pause between two NAKs has grown to a
 * second when requests or answers were lost, or when nobody who has the record could be reached.
 */
export function askWhoNames(state: NodeState, origin: NodeId, via: NodeId): void {
  const gap = state.causal.gaps.get(origin);
  if (gap === undefined || gap.attempts < ATTEMPTS_QUICK) return;
  gap.via = via;
  gap.attempts = 0;
  setTimer(state.timers, "nak", origin, state.nowMs + drawBelow(state.random, state.config.timing.nakBackoffMs + 1));
}

/** Notes the gaps that a held record waits for: its predecessors and its causes. */
export function noteMissing(state: NodeState, record: TradeRecord, via: NodeId): void {
  noteGap(state, record.seller_id, record.seq - 1, via);
  for (const [id, needed] of record.deps) if (id !== record.seller_id && needed > 0) noteGap(state, id, needed, via);
  if (!state.ledger.accounts.has(record.seller_id) || !state.ledger.accounts.has(record.buyer_id)) {
    startPull(state, via, "records");
  }
}

/** A record of `origin` was delivered: forget the gap once it is filled. */
export function narrowGap(state: NodeState, origin: NodeId): void {
  const gap = state.causal.gaps.get(origin);
  if (gap === undefined) return;
  gap.asked = 0;
  if (entry(state.ledger.clock, origin) < gap.upTo) return;
  state.causal.gaps.delete(origin);
  cancelTimer(state.timers, "nak", origin);
}

export function onNakTimer(state: NodeState, origin: NodeId): void {
  const gap = state.causal.gaps.get(origin);
  if (gap === undefined) return;
  const { ranges, records } = missingRanges(state, origin, gap.upTo);
  if (records === 0) {
    // All of it is held and waits for its causes, which have gaps of their own.
    state.causal.gaps.delete(origin);
    return;
  }
  const target = targetOf(state, origin, gap);
  if (target !== null && records > REPAIR_RECORDS_MAX) startPull(state, target, "records");
  else if (target !== null) {
    count(state, "naks_sent");
    unicast(state, target, "NAK", { ranges });
    gap.asked += 1;
    if (gap.asked > NAKS_BEFORE_TRANSFER) startPull(state, target, "records");
  }
  const waitMs = Math.min(RENAK_FIRST_MS << Math.min(gap.attempts, 6), RENAK_CAP_MS);
  gap.attempts += 1;
  setTimer(state.timers, "nak", origin, state.nowMs + waitMs);
}

function targetOf(state: NodeState, origin: NodeId, gap: Gap): NodeId | null {
  if (gap.attempts === 0 && gap.via !== state.self.id) return gap.via;
  if (gap.attempts === 1 && origin !== state.self.id) return origin;
  return anotherPeer(state, 0);
}

/** Ranges of numbers that are neither delivered nor held; `records` may count more than fit the ranges. */
function missingRanges(state: NodeState, origin: NodeId, upTo: number) {
  const ranges: { origin: NodeId; from: number; to: number }[] = [];
  const held = state.causal.holdback.get(origin);
  let records = 0;
  for (let seq = entry(state.ledger.clock, origin) + 1; seq <= upTo && records <= REPAIR_RECORDS_MAX; seq++) {
    if (held?.has(seq)) continue;
    records += 1;
    const last = ranges.at(-1);
    if (last !== undefined && last.to === seq - 1 && seq - last.from < NAK_RANGE_MAX) last.to = seq;
    else if (ranges.length < NAK_RANGES_MAX) ranges.push({ origin, from: seq, to: seq });
  }
  return { ranges, records };
}
