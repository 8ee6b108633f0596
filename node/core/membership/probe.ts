/**
 * One probe of one peer: PING, on silence PING_REQ through others, and only then a suspicion.
 *
 * Idea (SWIM, Das, Gupta, Motivala 2002; Lifeguard, arXiv 1707.00788): a helper says so when it can't reach the peer either. A node that
 * gets no answers from anybody distrusts itself first (`health`).
 */

import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf } from "../../wire/message.ts";
import { count, placeOf, unicast, unicastTo } from "../kernel/outbox.ts";
import { drawNonce, shuffled } from "../kernel/random.ts";
import { cancelTimer, setTimer, takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import type { NodeState } from "../state.ts";
import { proveAddress } from "./address-proof.ts";
import { onRumours } from "./gossip.ts";
import { isLive, type Member, ownStanding, rumourOf, unsuspectedIds } from "./members.ts";
import { becomeAlive, isOutlived } from "./peer-states.ts";
import { takeRumours } from "./rumours.ts";
import { askWhetherKnown } from "./stale-incarnation.ts";
import { suspect } from "./suspicion.ts";

const HELPERS = 5;

const HEALTH_MAX = 8;

/** Rumours in one PING or PONG. */
const RUMOURS_MAX = 8;

const LATE_ANSWER_MS = 5_000;

/** However slow links and this node are, both waits for an answer together take no more than half of the hard bound. */
const ANSWER_SHARE = 4;

/** Probes on behalf of one node that are open, late ones included: a healthy asker has a few. */
const RELAYED_PROBES_MAX = 64;

export interface Probe {
  readonly target: NodeId;
  /** Where the PING went. */
  readonly address: string;
  readonly sentAtMs: number;
  /** Asked on behalf of this node (PING_REQ); null: for ourselves. */
  readonly forNode: NodeId | null;
  readonly forNonce: string;
  /** `late`: given up, kept to measure the round trip of an answer that comes after all. */
  stage: "direct" | "indirect" | "late";
  helpers: number;
  /** Helpers that answered that they can't reach the target either: so the fault is not ours. */
  nacks: number;
}

/** A valid datagram of the peer itself arrived, or somebody vouches for it. */
export function noteLife(state: NodeState, member: Member): void {
  member.lastHeardAtMs = state.nowMs;
  if (member.state === "SUSPECTED") becomeAlive(state, member);
  else state.detector.accusations.delete(member.id);
}

/** Tells a peer that we hold it FAILED, so that it refutes and everybody takes it back: when it speaks, and now and then. */
export function tellFailed(state: NodeState, member: Member): void {
  if (!takeTurn(state, "told", member.id, state.config.timing.probeIntervalMs)) return;
  const { id, bootId, address } = member;
  if (address === null) return;
  const payload = { nonce: drawNonce(state.random), rumours: [rumourOf(state, member)] };
  unicastTo(state, { id, bootId, address }, "PING", payload);
}

export function probe(state: NodeState, target: NodeId): void {
  const member = state.members.get(target);
  if (member === undefined || !isLive(member) || member.address === null) return;
  for (const open of state.detector.probes.values())
    if (open.target === target && open.forNode === null && open.stage !== "late") return;
  const nonce = openProbe(state, { target, address: member.address, forNode: null, forNonce: "" });
  sendPing(state, member, nonce);
  setTimer(state.timers, "probe", nonce, state.nowMs + probeTimeoutMs(state, member));
}

function openProbe(state: NodeState, asked: Pick<Probe, "target" | "address" | "forNode" | "forNonce">): string {
  const nonce = drawNonce(state.random);
  state.detector.probes.set(nonce, { ...asked, sentAtMs: state.nowMs, stage: "direct", helpers: 0, nacks: 0 });
  return nonce;
}

/** A suspect hears of it first (Lifeguard's buddy system), so that it can refute. */
function sendPing(state: NodeState, member: Member | undefined, nonce: string): void {
  const { target, address } = state.detector.probes.get(nonce) as Probe;
  const rumours = takeRumours(state, RUMOURS_MAX - 1, target);
  const isAccused = member !== undefined && state.detector.accusations.has(member.id);
  if (isAccused && !rumours.some((rumour) => rumour.of === target))
    rumours.unshift({ ...rumourOf(state, member), state: "SUSPECTED" });
  unicastTo(state, { id: target, bootId: member?.bootId ?? null, address }, "PING", { nonce, rumours });
}

export function onProbeTimeout(state: NodeState, nonce: string): void {
  const { probes } = state.detector;
  const open = probes.get(nonce);
  if (open === undefined) return;
  const member = state.members.get(open.target);
  if (open.stage === "late" || member === undefined || !isLive(member)) {
    probes.delete(nonce);
    return;
  }
  if (open.forNode !== null) {
    relay(state, open, open.forNode, false);
    keepForLateAnswer(state, nonce, open);
  } else if (member.lastHeardAtMs !== null && member.lastHeardAtMs > open.sentAtMs) {
    // Any valid datagram counts as life.
    keepForLateAnswer(state, nonce, open);
    askWhetherKnown(state, member);
  } else if (open.stage === "direct") {
    becomeIndirect(state, nonce, open, member);
  } else {
    // Helpers that did not even say that they can't reach it hint at a fault on this node's side.
    if (open.helpers > 0 && open.nacks < open.helpers) worsenHealth(state);
    keepForLateAnswer(state, nonce, open);
    suspect(state, member);
  }
}

function becomeIndirect(state: NodeState, nonce: string, open: Probe, member: Member): void {
  open.stage = "indirect";
  if (member.address !== null) {
    sendPing(state, member, nonce);
    const helpers = shuffled(
      state.random,
      unsuspectedIds(state).filter((id) => id !== member.id),
    ).slice(0, state.rules.indirectProbes ? HELPERS : 0);
    open.helpers = helpers.length;
    const request = { nonce, target: member.id, target_addr: member.address };
    for (const helper of helpers) unicast(state, helper, "PING_REQ", request);
  }
  setTimer(state.timers, "probe", nonce, state.nowMs + probeTimeoutMs(state, member));
}

/** Tells another node the result of the probe that it asked for. */
function relay(state: NodeState, { forNonce, target }: Probe, id: NodeId, ok: boolean): void {
  const { bootId = null, address = null } = state.members.get(id) ?? {};
  if (bootId === null || address === null) return;
  unicastTo(state, { id, bootId, address }, "PONG", { nonce: forNonce, target, ok, rumours: [] });
}

function keepForLateAnswer(state: NodeState, nonce: string, open: Probe): void {
  open.stage = "late";
  setTimer(state.timers, "probe", nonce, state.nowMs + LATE_ANSWER_MS);
}

export function closeProbe(state: NodeState, nonce: string): void {
  state.detector.probes.delete(nonce);
  cancelTimer(state.timers, "probe", nonce);
}

/** How long an answer may take, by the round trips that were measured and by how slow this node is itself. */
export function probeTimeoutMs(state: NodeState, member: Member): number {
  const { probeTimeoutMinMs, heartbeatTimeoutMs } = state.config.timing;
  const spanMs = Math.max(probeTimeoutMinMs, 4 * (member.srttMs ?? 0)) * (1 + state.detector.health);
  return Math.min(spanMs, heartbeatTimeoutMs / ANSWER_SHARE);
}

/** One step towards the belief that this node itself is slow. */
export function worsenHealth(state: NodeState): void {
  if (!state.rules.localHealth) return;
  state.detector.health = Math.min(HEALTH_MAX, state.detector.health + 1);
}

export function onPing(state: NodeState, message: MessageOf<"PING">, from: Origin): void {
  const { nonce, rumours } = message.payload;
  onRumours(state, rumours);
  const told = takeRumours(state, RUMOURS_MAX - 1, from.sender);
  // A refutation is told a few times only, all of which may be lost: who has not heard of it is told again for as long as it asks.
  if (rumours.some((rumour) => isOutlived(state, rumour)) && !told.some(({ of }) => of === state.self.id))
    told.unshift(ownStanding(state));
  // To where the question came from: it is asked whether this node is reached from there.
  const answer = { nonce, target: state.self.id, ok: true, rumours: told };
  unicastTo(state, placeOf(from), "PONG", answer);
  // A faster copy of the question must not take the answer away.
  const address = state.members.get(from.sender)?.address ?? from.address;
  if (address !== from.address) unicastTo(state, { ...placeOf(from), address }, "PONG", answer);
}

export function onPingReq(state: NodeState, message: MessageOf<"PING_REQ">, from: Origin): void {
  const { nonce, target, target_addr } = message.payload;
  if (target === state.self.id) {
    unicastTo(state, placeOf(from), "PONG", { nonce, target, ok: true, rumours: [] });
    return;
  }
  const member = state.members.get(target);
  // Each one makes us send: nobody may use this node to flood an address.
  let relayed = 0;
  for (const open of state.detector.probes.values()) if (open.forNode === from.sender) relayed += 1;
  if (relayed >= RELAYED_PROBES_MAX) {
    count(state, "ping_reqs_refused");
    return;
  }
  const address = member?.address ?? target_addr;
  const own = openProbe(state, { target, address, forNode: from.sender, forNonce: nonce });
  sendPing(state, member, own);
  // Earlier than the asker gives up, so that it hears that we tried (memberlist: 80 % of the timeout, here 70 %).
  setTimer(state.timers, "probe", own, state.nowMs + (state.config.timing.probeTimeoutMinMs * 7) / 10);
}

export function onPong(state: NodeState, message: MessageOf<"PONG">, from: Origin): void {
  const { nonce, target, ok, rumours } = message.payload;
  onRumours(state, rumours);
  const open = state.detector.probes.get(nonce);
  if (open === undefined || open.target !== target) return;
  const member = state.members.get(target);
  if (target !== from.sender) {
    if (!ok) open.nacks += 1;
    else if (member !== undefined && isLive(member)) {
      noteLife(state, member);
      if (open.stage !== "late") closeProbe(state, nonce);
      if (open.forNode === null) askWhetherKnown(state, member);
    }
    return;
  }
  closeProbe(state, nonce);
  if (member !== undefined) {
    // Wherever the answer came from.
    noteLife(state, member);
    if (open.address === member.address) proveAddress(state, member, open.address);
    member.unanswered = 0;
    const rttMs = state.nowMs - open.sentAtMs;
    member.srttMs = member.srttMs === null ? rttMs : (7 * member.srttMs + rttMs) / 8;
  }
  if (open.forNode !== null) {
    if (open.stage === "direct") relay(state, open, open.forNode, true);
  } else if (open.stage === "direct") {
    state.detector.health = Math.max(0, state.detector.health - 1);
  }
}
