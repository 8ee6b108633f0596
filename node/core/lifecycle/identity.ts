/**
 * Identifies the sender of each message, before any handler sees it: keeps incarnations, and leaves addresses to addresses.ts and two
 * processes with one id to rivals.ts.
 *
 * Rules: a process is (id, incarnation, boot id). A new process under a known id is believed when the old one is
 * known to be gone, or speaks from the same address, or the old one doesn't answer there any more; else the newcomer is refused. A
 * message from an address that isn't the peer's counts for what it says, and neither as a sign of life nor as a later process.
 */

import type { Message } from "../../wire/message.ts";
import { count } from "../kernel/outbox.ts";
import type { Origin } from "../kernel/types.ts";
import { guessAddress } from "../membership/address-proof.ts";
import { createMember, isLive, type Member } from "../membership/members.ts";
import { becomeAlive, becomeReborn, ensureMember } from "../membership/peer-states.ts";
import { isBelievableIncarnation } from "../membership/plausible.ts";
import { tellFailed } from "../membership/probe.ts";
import type { NodeState } from "../state.ts";
import { askBoth, noteAnswer, noteSource } from "./addresses.ts";
import { adopt, hear } from "./adopt.ts";
import { refuseJoin } from "./join-answer.ts";
import { onOwnId } from "./rivals.ts";

/** Members before the first datagram: the nodes that `--nodes` and `--peers` name. */
export function addExpectedMembers(state: NodeState): void {
  const { expected, peers } = state.config;
  const ids = [...new Set([...expected, ...peers.keys()])].sort((a, b) => a - b);
  for (const id of ids) {
    if (id === state.self.id) continue;
    const address = peers.get(id) ?? null;
    state.members.set(id, { ...createMember(id, state.nowMs), address, isProven: address !== null });
  }
}

/** True when the message may be handled. Updates the sender's entry: alive, address, incarnation. */
export function admit(state: NodeState, message: Message, from: Origin): boolean {
  const isAdmitted = identify(state, message, from);
  // A rival's answer counts, although it gets no further.
  if (message.message_type === "PONG") noteAnswer(state, message.payload.nonce, from);
  return isAdmitted;
}

function identify(state: NodeState, message: Message, from: Origin): boolean {
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
  const isElsewhere = member.address !== null && member.address !== from.address && member.alias !== from.address;
  if (isLive(member) && member.bootId !== null && isElsewhere && state.rules.duplicateIdRefused) {
    if (nonce === null && from.incarnation <= member.incarnation) count(state, "stale_incarnation");
    else askBoth(state, member, from, nonce);
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
  const isHome = noteSource(state, member, from);
  if (!isHome && from.incarnation > member.incarnation) return false;
  if (from.incarnation > member.incarnation) becomeReborn(state, member, from.incarnation, from.bootId);
  if (isHome && member.state === "LEFT") becomeAlive(state, member);
  if (isHome || member.state === "UNKNOWN") hear(state, member);
  if (member.state === "FAILED" && state.rules.failedAreTold) tellFailed(state, member);
  return true;
}

/** Without incarnations the process that spoke last is the node. */
function admitAny(state: NodeState, member: Member, from: Origin): boolean {
  if (from.incarnation !== member.incarnation) becomeReborn(state, member, from.incarnation, from.bootId);
  adopt(state, member, from);
  guessAddress(state, member, from.address);
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
  // A proof about a process that is gone says nothing about the next one.
  if (member.bootId !== null || !member.isProven) guessAddress(state, member, from.address);
  adopt(state, member, from);
  noteSource(state, member, from);
  return true;
}
