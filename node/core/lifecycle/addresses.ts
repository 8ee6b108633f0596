/**
 * Asking where peers are. A source address isn't believed: somebody who copies a peer's datagrams could send them from another. So the peer
 * is asked, by PING with a random nonce, at the address in use and at the new one, and the old one stays for as long as it answers
 * (RFC 9000, sections 8.2 and 9.3.3). A second process under a peer's id is settled by the same question.
 *
 * Level-triggered: a module that wants an address proven says so (`seekProof`, `unicast`), and `reviewAddresses` begins what isn't under way.
 */
import type { NodeId } from "../../wire/ids.ts";
import { unicastTo } from "../kernel/outbox.ts";
import { drawNonce } from "../kernel/random.ts";
import { hasTimer, setTimer, takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import {
  type Challenge,
  dropHeld,
  endChallenge,
  guessAddress,
  proveAddress,
  type Rival,
} from "../membership/address-proof.ts";
import type { Member } from "../membership/members.ts";
import { probeTimeoutMs } from "../membership/probe.ts";
import type { NodeState } from "../state.ts";
import { settleRivalry } from "./rivals.ts";

/** Probe timeouts of silence after which nobody is there. */
const TRIES = 5;
/** Heartbeats until an address that stayed silent is asked again: one from which the peer was heard, and one that others named. */
const PAUSE_BEATS_HEARD = 1;
const PAUSE_BEATS_HEARSAY = 4;
/** Pause before a peer that still answers at its address is asked about another one again. */
const STRAY_GAP_MS = 5_000;

/** Run after every input. */
export function reviewAddresses(state: NodeState): void {
  const { held, challenges } = state.addresses;
  for (const id of held.keys()) {
    const member = state.members.get(id);
    if (member !== undefined && challenges.has(id)) continue;
    const beats = member?.lastHeardAtMs === null ? PAUSE_BEATS_HEARSAY : PAUSE_BEATS_HEARD;
    const isAskable = member !== undefined && member.address !== null;
    if (isAskable && takeTurn(state, "challenged", id, beats * state.config.timing.heartbeatMs))
      begin(state, member, null);
    else dropHeld(state, id);
  }
}

/** A datagram of the process that is known as `member` came from this address. True: it is, or may become, the peer's own. */
export function noteSource(state: NodeState, member: Member, from: Origin): boolean {
  const { address } = from;
  if (member.address === address || member.alias === address) return true;
  if (member.isProven || state.addresses.challenges.has(member.id)) {
    if (!hasTimer(state.timers, "strayed", member.id)) askBoth(state, member, from, null);
    return false;
  }
  guessAddress(state, member, address);
  return true;
}

/** A datagram from there was known already: somebody passes on copies, and one of the two is faster than the peer. */
export function onDouble(state: NodeState, from: Origin): void {
  const member = state.members.get(from.sender);
  if (member?.bootId === from.bootId && !member.isProven) noteSource(state, member, from);
}

/** `rival` claims to be `member`: both are asked. */
export function askBoth(state: NodeState, member: Member, origin: Origin, joinNonce: string | null): void {
  const open = state.addresses.challenges.get(member.id)?.rival;
  if (open?.origin.bootId === origin.bootId && open.origin.address === origin.address) open.joinNonce ??= joinNonce;
  if (open === null || open === undefined)
    begin(state, member, { origin, nonce: drawNonce(state.random), hasAnswered: false, joinNonce });
}

/** Its packet numbers have got out of sight: the answer shows where they are (node/runtime/replay-window.ts). */
export function onFar(state: NodeState, from: Origin): void {
  const member = state.members.get(from.sender);
  if (member === undefined || member.bootId !== from.bootId || member.address === null) return;
  if (state.addresses.challenges.has(member.id)) return;
  if (takeTurn(state, "lost-sight", member.id, state.config.timing.probeTimeoutMinMs)) begin(state, member, null);
}

function begin(state: NodeState, member: Member, rival: Rival | null): void {
  const challenge: Challenge = {
    address: member.address as string,
    bootId: member.bootId,
    nonce: drawNonce(state.random),
    tries: 0,
    hasAnswered: false,
    rival,
  };
  state.addresses.challenges.set(member.id, challenge);
  onChallengeTimeout(state, member.id);
}

export function onChallengeTimeout(state: NodeState, id: NodeId): void {
  const challenge = state.addresses.challenges.get(id);
  const member = state.members.get(id);
  if (challenge === undefined || member === undefined) return;
  if (challenge.tries === TRIES) {
    conclude(state, id, challenge);
    return;
  }
  challenge.tries += 1;
  const { address, bootId, nonce, rival } = challenge;
  if (!challenge.hasAnswered) unicastTo(state, { id, bootId, address }, "PING", { nonce, rumours: [] });
  if (rival !== null && !rival.hasAnswered) {
    const { origin } = rival;
    const place = { id, bootId: origin.bootId, address: origin.address };
    unicastTo(state, place, "PING", { nonce: rival.nonce, rumours: [] });
  }
  setTimer(state.timers, "challenge", id, state.nowMs + probeTimeoutMs(state, member));
}

/** PONG, before its sender is admitted: a rival's doesn't get further. */
export function noteAnswer(state: NodeState, nonce: string, from: Origin): void {
  const challenge = state.addresses.challenges.get(from.sender);
  if (challenge === undefined) return;
  const { rival } = challenge;
  if (nonce === challenge.nonce && (challenge.bootId ?? from.bootId) === from.bootId) challenge.hasAnswered = true;
  else if (rival !== null && nonce === rival.nonce && rival.origin.bootId === from.bootId) rival.hasAnswered = true;
  else return;
  // Nothing proven is given up for the first answer.
  const isFirst = rival?.origin.bootId === challenge.bootId && state.members.get(from.sender)?.isProven === false;
  const hasRivalAnswered = rival?.hasAnswered ?? true;
  if (isFirst ? challenge.hasAnswered || hasRivalAnswered : challenge.hasAnswered && hasRivalAnswered)
    conclude(state, from.sender, challenge);
}

/** Both have answered, or had their time. */
function conclude(state: NodeState, id: NodeId, challenge: Challenge): void {
  endChallenge(state, id);
  const member = state.members.get(id);
  const { rival, address, hasAnswered } = challenge;
  if (member === undefined) return;
  if (rival !== null && rival.origin.bootId !== challenge.bootId) settleRivalry(state, member, challenge, rival);
  else if (hasAnswered) {
    // Two ways to one process: both are its own.
    if (rival?.hasAnswered === true) member.alias = rival.origin.address;
    else if (rival !== null) takeTurn(state, "strayed", id, STRAY_GAP_MS);
    proveAddress(state, member, address);
  } else if (rival?.hasAnswered === true) {
    member.alias = null;
    proveAddress(state, member, rival.origin.address);
  } else {
    dropHeld(state, id);
  }
}
