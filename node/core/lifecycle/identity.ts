/**
 * Identifies the sender of each message, before any handler sees it. Keeps addresses and incarnations, and settles two processes with one id.
 *
 * Rules: a process is (id, incarnation, boot id). A new process under a known id is believed when the old one is
 * known to be gone, or speaks from the same address, or the old one doesn't answer there any more; else the newcomer is refused.
 * Two processes with one id settle it between themselves: a running one stays; of two newcomers the one with the higher
 * incarnation stays, then the one with the lower boot id. Idea: JGroups' "Reincarnation"; memberlist's name conflicts.
 */

import type { NodeId } from "../../wire/ids.ts";
import type { Message, MessageOf } from "../../wire/message.ts";
import { count, journal, unicastTo } from "../kernel/outbox.ts";
import { becomeConflict, isNewcomer } from "../kernel/phase.ts";
import { cancelTimer, setTimer, takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { sendJoinTo } from "../membership/introduction.ts";
import { createMember, isLive, type Member, rumourOf } from "../membership/members.ts";
import { becomeAlive, becomeReborn, ensureMember } from "../membership/peer-states.ts";
import { isBelievableIncarnation } from "../membership/plausible.ts";
import { noteLife, probeTimeoutMs, tellFailed } from "../membership/probe.ts";
import { spread } from "../membership/rumours.ts";
import type { NodeState } from "../state.ts";
import { answerJoin, refuseJoin } from "./join-answer.ts";

/** Waits for an answer to a probe after which the known process counts as gone. */
const CONTEST_TRIES = 3;
const REPORT_GAP_MS = 5_000;

/** Members before the first datagram: the nodes that `--nodes` and `--peers` name. */
export function addExpectedMembers(state: NodeState): void {
  const { expected, peers } = state.config;
  const ids = [...new Set([...expected, ...peers.keys()])].sort((a, b) => a - b);
  for (const id of ids)
    if (id !== state.self.id) state.members.set(id, createMember(id, state.nowMs, peers.get(id) ?? null));
}

/** True when the message may be handled. Updates the sender's entry: alive, address, incarnation. */
export function admit(state: NodeState, message: Message, from: Origin): boolean {
  if (from.sender === state.self.id) {
    if (from.bootId !== state.self.bootId && state.rules.duplicateIdRefused) onOwnId(state, message, from);
    return false;
  }
  const nonce = message.message_type === "JOIN" ? message.payload.nonce : null;
  const member = ensureMember(state, from.sender, true);
  if (member === null) {
    if (nonce !== null) refuseJoin(state, from, nonce, { refused: "FULL" });
    return false;
  }
  // A process that is new here is believed: nothing else is known of it.
  if (member.bootId !== null && !isBelievableIncarnation(member.incarnation, from.incarnation)) {
    count(state, "standings_absurd");
    return false;
  }
  if (member.bootId === from.bootId) return admitSame(state, member, from);
  const isElsewhere = member.address !== null && member.address !== from.address;
  if (isLive(member) && member.bootId !== null && isElsewhere && state.rules.duplicateIdRefused) {
    if (nonce === null && from.incarnation <= member.incarnation) count(state, "stale_incarnation");
    else beginContest(state, member, from, nonce);
    return false;
  }
  return admitNew(state, member, from, nonce);
}

function admitSame(state: NodeState, member: Member, from: Origin): boolean {
  if (!state.rules.incarnationGate) return admitAny(state, member, from);
  // Its last datagrams may be late. After that, a peer that left on hearsay alone is back.
  const hasLeft = member.saidLeave || state.nowMs - member.stateSinceMs < state.config.timing.suspicionMinMs;
  if (from.incarnation < member.incarnation || (member.state === "LEFT" && hasLeft)) {
    count(state, "stale_incarnation");
    return false;
  }
  if (member.state === "LEFT") becomeAlive(state, member);
  if (from.incarnation > member.incarnation) becomeReborn(state, member, from.incarnation, from.bootId);
  hear(state, member, from);
  if (member.state === "FAILED" && state.rules.failedAreTold) tellFailed(state, member);
  return true;
}

/** Without incarnations the process that spoke last is the node. */
function admitAny(state: NodeState, member: Member, from: Origin): boolean {
  if (from.incarnation !== member.incarnation) becomeReborn(state, member, from.incarnation, from.bootId);
  adopt(state, member, from);
  return true;
}

/** Admits another process than the known one, which is gone (or there was none). */
function admitNew(state: NodeState, member: Member, from: Origin, nonce: string | null): boolean {
  if (!state.rules.incarnationGate) return admitAny(state, member, from);
  // Without a boot id the entry is hearsay: this may be the very process that was meant.
  const isTooLow =
    member.bootId === null && member.state !== "LEFT"
      ? from.incarnation < member.incarnation
      : from.incarnation <= member.incarnation;
  if (isTooLow) {
    count(state, "stale_incarnation");
    if (nonce !== null) refuseJoin(state, from, nonce, { refused: "STALE_INC", known_inc: member.incarnation });
    return false;
  }
  adopt(state, member, from);
  return true;
}

function adopt(state: NodeState, member: Member, from: Origin): void {
  const wasGone = member.state === "FAILED" || member.state === "LEFT";
  if (from.incarnation > member.incarnation) becomeReborn(state, member, from.incarnation, from.bootId);
  member.bootId = from.bootId;
  hear(state, member, from);
  if (member.state !== "ALIVE" && member.state !== "SUSPECTED") becomeAlive(state, member);
  if (wasGone) spread(state, rumourOf(state, member));
}

function hear(state: NodeState, member: Member, from: Origin): void {
  member.address = from.address;
  if (member.state === "UNKNOWN") becomeAlive(state, member);
  noteLife(state, member);
}

function beginContest(state: NodeState, member: Member, newcomer: Origin, nonce: string | null): void {
  const { contests } = state.join;
  const running = contests.get(member.id);
  if (running !== undefined) {
    if (running.newcomer.bootId === newcomer.bootId && running.nonce === null && nonce !== null)
      contests.set(member.id, { ...running, nonce });
    return;
  }
  const known = { bootId: member.bootId as string, address: member.address as string };
  contests.set(member.id, { known, newcomer, nonce, pingSeq: 0, tries: 0 });
  onContestTimeout(state, member.id);
}

export function onContestTimeout(state: NodeState, id: NodeId): void {
  const contest = state.join.contests.get(id);
  const member = state.members.get(id);
  if (contest === undefined || member === undefined) return;
  if (contest.tries < CONTEST_TRIES) {
    contest.tries += 1;
    contest.pingSeq ||= ++state.detector.pingSeq;
    unicastTo(state, id, contest.known.address, "PING", { ping_seq: contest.pingSeq, rumours: [] });
    setTimer(state.timers, "contest", id, state.nowMs + probeTimeoutMs(state, member));
    return;
  }
  // Silence: a restart at another address.
  state.join.contests.delete(id);
  if (member.bootId !== contest.known.bootId) return;
  member.bootId = null;
  const { newcomer, nonce } = contest;
  if (newcomer.incarnation > member.incarnation) {
    adopt(state, member, newcomer);
    if (nonce !== null) answerJoin(state, newcomer, nonce);
  } else {
    // The old process is gone, so the next incarnation will be believed from any address.
    member.address = newcomer.address;
    if (nonce !== null) refuseJoin(state, newcomer, nonce, { refused: "STALE_INC", known_inc: member.incarnation });
  }
}

/** The known process answered: the newcomer is a second one. */
export function onContestPong(state: NodeState, message: MessageOf<"PONG">, from: Origin): void {
  const contest = state.join.contests.get(from.sender);
  if (contest === undefined || contest.known.bootId !== from.bootId) return;
  if (message.payload.ping_seq !== contest.pingSeq) return;
  state.join.contests.delete(from.sender);
  cancelTimer(state.timers, "contest", from.sender);
  report(state, `Node ${from.sender} runs at ${contest.known.address}; refused a second one`, contest.newcomer.address);
  if (contest.nonce === null) return;
  refuseJoin(state, contest.newcomer, contest.nonce, { refused: "DUPLICATE_ID", known_addr: contest.known.address });
}

function onOwnId(state: NodeState, message: Message, from: Origin): void {
  count(state, "own_id_heard");
  if (message.message_type === "JOIN_RESPONSE") {
    const { refused, nonce, your_addr } = message.payload;
    if (refused === "DUPLICATE_ID" && nonce === state.join.nonce && isNewcomer(state))
      refuseToRun(state, from.address, your_addr);
    return;
  }
  if (message.message_type === "JOIN") {
    if (isNewcomer(state) && !outranks(state, from)) {
      refuseToRun(state, from.address);
      return;
    }
    if (state.join.rivalAddress === from.address) state.join.rivalAddress = null;
    if (isNewcomer(state)) state.join.beatenAddress = from.address;
    const known = state.self.address === null ? {} : { known_addr: state.self.address };
    refuseJoin(state, from, message.payload.nonce, { refused: "DUPLICATE_ID", ...known });
    report(state, `A second process calls itself Node ${state.self.id}; refused it`, from.address);
    return;
  }
  // Somebody already runs under our id (or our own last words are late): ask it.
  if (isNewcomer(state)) askRival(state, from.address);
  else if (!outranks(state, from)) yieldTo(state, from.address);
  else report(state, `A second process calls itself Node ${state.self.id}`, from.address);
}

/** A third node says that this id is taken. The process at that address decides; if it stays silent, this process gives way. */
export function onDuplicateRefusal(state: NodeState, address: string | undefined, by: NodeId): void {
  if (!isNewcomer(state) || address === state.join.beatenAddress || address === state.self.address) return;
  if (address === undefined) {
    refuseToRun(state, `an address that Node ${by} knows`);
    return;
  }
  askRival(state, address);
  if (state.join.rivalAddress !== null) return;
  state.join.rivalAddress = address;
  setTimer(state.timers, "rival", "", state.nowMs + 2 * CONTEST_TRIES * state.config.timing.probeTimeoutMinMs);
}

/** The process at the rival address had its time to answer. */
export function onRivalTimeout(state: NodeState): void {
  if (state.join.rivalAddress !== null && isNewcomer(state)) refuseToRun(state, state.join.rivalAddress);
}

function askRival(state: NodeState, address: string): void {
  if (!takeTurn(state, "asked-rival", address, state.config.timing.probeTimeoutMinMs)) return;
  sendJoinTo(state, state.self.id, address);
}

function outranks(state: NodeState, other: Origin): boolean {
  const { incarnation, bootId } = state.self;
  return incarnation > other.incarnation || (incarnation === other.incarnation && bootId < other.bootId);
}

/** @param seenAt this process's address as the other one sees it: the only source when the own address was detected, not given */
function refuseToRun(state: NodeState, rivalAddress: string, seenAt?: string): void {
  const { self } = state;
  const here = self.address ?? seenAt ?? "an address unknown to it";
  const reason = `Node ${self.id} already runs at ${rivalAddress}; this process at ${here} ends. Stop that one or choose another id.`;
  becomeConflict(state, reason);
  state.outbox.push({ type: "exit", code: 1, reason });
}

/** Both have been running (a partition healed): the lesser one stops taking part. */
function yieldTo(state: NodeState, rivalAddress: string): void {
  if (state.phase === "CONFLICT" || state.phase === "LEAVING") return;
  becomeConflict(state, `CONFLICT: Node ${state.self.id} also runs at ${rivalAddress}; this process stops taking part`);
}

function report(state: NodeState, msg: string, address: string): void {
  count(state, "duplicate_id");
  if (!takeTurn(state, "reported", address, REPORT_GAP_MS)) return;
  journal(state, { kind: "drop", level: "warn", msg: `${msg} at ${address}` });
}
