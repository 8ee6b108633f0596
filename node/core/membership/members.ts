/**
 * The member table: one entry for each peer, and the questions that other modules ask of it. Only peer-states.ts changes a peer's state.
 */

import type { Clock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { MemberRow, PeerState, Phase, Rumour } from "../../wire/message.ts";
import { entry } from "../kernel/vector-clock.ts";
import type { NodeState } from "../state.ts";

/** One peer, as this node sees it. */
export interface Member {
  readonly id: NodeId;
  /** Where it is believed to be; null: nobody has said. */
  address: string | null;
  /** It answered there, or `--peers` names it (address-proof.ts). */
  isProven: boolean;
  /** Another proven address of the same process. */
  alias: string | null;
  incarnation: number;
  rinc: number;
  bootId: string | null;
  state: PeerState;
  /** The phase that the peer last reported; null: never heard. */
  phase: Phase | null;
  /** Last valid datagram; null: never heard by us. */
  lastHeardAtMs: number | null;
  /** When `state` last changed. */
  stateSinceMs: number;
  /** Smoothed round trip of probes; null: not measured. */
  srttMs: number | null;
  /** Own probes in a row that it did not answer although it lives. */
  unanswered: number;
  /** Credits it last reported. */
  credits: number | null;
  /** Number of its last debit at its boot. */
  bootSeq: number | null;
  /** Records known durable there: at least these, which members with equal ledgers share, */
  hasAtLeast: Clock;
  /** and these, where it was heard of more. */
  readonly hasBeyond: Map<NodeId, number>;
  ledgerHash: string | null;
  /** Fences that its ledger has, as it last said. */
  fences: Clock;
  /** LEFT on its own word: nothing more of this incarnation is believed. On hearsay alone it may come back. */
  saidLeave: boolean;
}

/** Other nodes that take part, ascending: ALIVE, and SUSPECTED ones while nothing is proven. */
export function aliveIds(state: NodeState): NodeId[] {
  return idsIn(state, isLive);
}

/** Other nodes that nobody suspects, ascending. */
export function unsuspectedIds(state: NodeState): NodeId[] {
  return idsIn(state, (member) => member.state === "ALIVE");
}

export function isLive(member: Member): boolean {
  return member.state === "ALIVE" || member.state === "SUSPECTED";
}

export function isHere(state: NodeState, id: NodeId): boolean {
  const member = state.members.get(id);
  return member !== undefined && isLive(member);
}

/** Ids of the whole group, the own one included, ascending; LEFT and FAILED ones too. */
export function knownIds(state: NodeState): NodeId[] {
  return [...idsIn(state, (member) => member.state !== "UNKNOWN"), state.self.id].sort((a, b) => a - b);
}

/** The table as state transfer carries it: what the receiver should believe, the own row included. */
export function memberRows(state: NodeState): MemberRow[] {
  const { self } = state;
  const rows: MemberRow[] = [
    { id: self.id, inc: self.incarnation, rinc: state.rinc, state: "ALIVE", addr: self.address },
  ];
  for (const member of state.members.values()) {
    if (member.state === "UNKNOWN") continue;
    rows.push({ id: member.id, inc: member.incarnation, rinc: member.rinc, state: member.state, addr: member.address });
  }
  return rows.sort((a, b) => a.id - b.id);
}

export function createMember(id: NodeId, nowMs: number): Member {
  return {
    id,
    address: null,
    isProven: false,
    alias: null,
    incarnation: 0,
    rinc: 0,
    bootId: null,
    state: "UNKNOWN",
    phase: null,
    lastHeardAtMs: null,
    stateSinceMs: nowMs,
    srttMs: null,
    unanswered: 0,
    credits: null,
    bootSeq: null,
    hasAtLeast: NOTHING,
    hasBeyond: new Map(),
    ledgerHash: null,
    fences: new Map(),
    saidLeave: false,
  };
}

const NOTHING: Clock = new Map();

/** Debits of `origin` that the member is known to have on disk. */
export function durableAt({ hasAtLeast, hasBeyond }: Member, origin: NodeId): number {
  return Math.max(hasBeyond.get(origin) ?? 0, hasAtLeast.get(origin) ?? 0);
}

/** Records that `from` is known to have on disk. */
export function noteDurable(state: NodeState, from: NodeId, clock: Clock): void {
  const member = state.members.get(from);
  if (member === undefined) return;
  for (const [id, seq] of clock) if (seq > durableAt(member, id)) member.hasBeyond.set(id, seq);
}

/** The ledger of `from` is equal to the own one, which has `durable` on disk: a vector that doesn't change any more. */
export function noteEqual(state: NodeState, from: NodeId, durable: Clock): void {
  const member = state.members.get(from);
  if (member === undefined || member.hasAtLeast === durable) return;
  member.hasAtLeast = durable;
  for (const [id, seq] of member.hasBeyond) if (seq <= entry(durable, id)) member.hasBeyond.delete(id);
}

export function rumourOf(state: NodeState, member: Member): Rumour {
  return { of: member.id, state: member.state, inc: member.incarnation, rinc: member.rinc, by: state.self.id };
}

/** The standing that this node claims for itself. */
export function ownStanding({ self, rinc }: NodeState): Rumour {
  return { of: self.id, state: "ALIVE", inc: self.incarnation, rinc, by: self.id };
}

function idsIn(state: NodeState, wanted: (member: Member) => boolean): NodeId[] {
  const ids: NodeId[] = [];
  for (const member of state.members.values()) if (wanted(member)) ids.push(member.id);
  return ids.sort((a, b) => a - b);
}
