/**
 * HEARTBEAT: a node's state for all others, at a fixed interval and at once when there is news.
 *
 * It carries credits, the claim that its sender follows, a digest of its durable ledger and a few rumours, within the bytes of one
 * datagram. It is no event of the causal order: its vector clock is null (original, challenge 1).
 */

import { type Clock, encodeClock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf, Payload } from "../../wire/message.ts";
import { sha256Hex64 } from "../../wire/sha256.ts";
import { startPull } from "../causal/pull.ts";
import { noteClaim } from "../election/claims.ts";
import { claimOf } from "../election/roles.ts";
import { count, journal, multicast, seekProof, unicast } from "../kernel/outbox.ts";
import { drawBelow } from "../kernel/random.ts";
import { hasTimer, setTimer, takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { entry } from "../kernel/vector-clock.ts";
import { accountOf, balanceOf, durableClock, ledgerHash } from "../ledger/ledger.ts";
import { onRumours } from "../membership/gossip.ts";
import { PROTO } from "../membership/introduction.ts";
import { isLive, type Member } from "../membership/members.ts";
import { becomeAlive } from "../membership/peer-states.ts";
import { beatIntervalMs, payForBeat, spread, takeRumours } from "../membership/rumours.ts";
import { dropWaitingForLost, fencesOf, onFences } from "../recovery/fence.ts";
import { reviewPromise } from "../recovery/promises.ts";
import { compact } from "../replication/compaction.ts";
import { drainHeld } from "../replication/delivery.ts";
import { buildDigest, onDigest } from "../replication/repair.ts";
import type { NodeState } from "../state.ts";
import { FRAME_BYTES } from "./join-answer.ts";
import { seekConfirmation } from "./own-account.ts";

export interface BeatState {
  seq: number;
  lastAtMs: number;
  /** The budget for early heartbeats is spent up to this instant (rumours.ts). */
  paidUntilMs: number;
  /** Own debits when this process became READY, so before it made any; null: it may still get some back from others. */
  bootSeq: number | null;
}

const RUMOURS_MAX = 4;
/** Peers that were never heard are in every so many fan-outs: without multicast somebody must speak first. */
const UNHEARD_EVERY = 4;
/** No buyer holds this many records. It means: this node doesn't know how many debits its earlier life made. */
const BOOT_SEQ_UNKNOWN = 281_474_976_710_656;

export function createBeat(): BeatState {
  return { seq: 0, lastAtMs: 0, paidUntilMs: 0, bootSeq: null };
}

/** The first one soon, at a random instant, so that a group started together doesn't speak in unison. */
export function startHeartbeat(state: NodeState): void {
  scheduleBeat(state, drawBelow(state.random, Math.max(1, Math.floor(state.config.timing.heartbeatMs / 2))));
}

/** No heartbeat leaves before `atMs` (after a freeze, until the socket has been read). */
export function pauseHeartbeat(state: NodeState, atMs: number): void {
  setTimer(state.timers, "beat", "", atMs);
  if (hasTimer(state.timers, "beat-early", "")) setTimer(state.timers, "beat-early", "", atMs);
}

export function onBeat(state: NodeState): void {
  scheduleBeat(state, beatIntervalMs(state));
  compact(state);
  sendHeartbeat(state);
}

function scheduleBeat(state: NodeState, inMs: number): void {
  setTimer(state.timers, "beat", "", state.nowMs + inMs);
}

export function sendHeartbeat(state: NodeState): void {
  if (state.phase === "CONFLICT" || (state.leaving?.announced ?? 0) > 0) return;
  const { beat } = state;
  if (state.causal.held > 0) dropWaitingForLost(state);
  beat.seq += 1;
  if (!state.rules.debitsAloneTick) tickClock(state);
  payForBeat(state);
  const payload = heartbeatPayload(state);
  if (!state.config.fanOut) multicast(state, "HEARTBEAT", payload);
  else multicast(state, "HEARTBEAT", payload, { fanOut: fanOutOf(state, beat.seq % UNHEARD_EVERY === 0) });
}

/** The original's clock: every datagram is an event. */
function tickClock(state: NodeState): void {
  const { clock } = state.ledger;
  clock.set(state.self.id, entry(clock, state.self.id) + 1);
}

function fanOutOf(state: NodeState, withUnheard: boolean): string[] {
  const chosen: Member[] = [];
  for (const member of state.members.values()) {
    const isDue = isLive(member) || (member.state === "UNKNOWN" && withUnheard);
    if (member.address === null || !isDue) continue;
    if (member.isProven) chosen.push(member);
    else seekProof(state, member.id);
  }
  return chosen.sort((a, b) => a.id - b.id).map((member) => member.address as string);
}

export function heartbeatPayload(state: NodeState): Payload<"HEARTBEAT"> {
  const payload: Payload<"HEARTBEAT"> = {
    credits: balanceOf(state, state.self.id),
    ...claimOf(state),
    rinc: state.rinc,
    phase: state.phase,
    hb_seq: state.beat.seq,
    digest: new Map(),
    ledger_hash: ledgerHash(state),
    boot_seq: state.beat.bootSeq ?? BOOT_SEQ_UNKNOWN,
    voters_hash: votersHash(state.config.voters),
    proto: PROTO,
    ...fencesOf(state),
    rumours: takeRumours(state, RUMOURS_MAX),
  };
  // The empty digest was counted as `{}`, two characters like the quotes of the encoded one.
  const room = state.config.bodyBytesMax - FRAME_BYTES - JSON.stringify(payload).length - fenceChars(payload);
  return { ...payload, digest: buildDigest(state, rowsThatFit(durableClock(state), room)) };
}

function fenceChars({ fences }: Payload<"HEARTBEAT">): number {
  return fences === undefined ? 0 : encodeClock(fences).length;
}

/** Rows of the vector that surely fit `room` characters of base64, whichever rows they are. */
function rowsThatFit(clock: Clock, room: number): number {
  if (encodeClock(clock).length <= room) return clock.size;
  let idMax = 0;
  let seqMax = 0;
  for (const [id, seq] of clock) {
    idMax = Math.max(idMax, id);
    seqMax = Math.max(seqMax, seq);
  }
  const bytesPerRow = varintBytes(idMax) + varintBytes(seqMax);
  return Math.max(0, Math.floor(((room - 1) * 3) / 4 / bytesPerRow));
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/** Hashes by list: a list of voters never changes, and every heartbeat compares it. */
const voterHashes = new WeakMap<readonly number[], string>();

/** Nodes with different voters would elect two coordinators: they must notice. */
export function votersHash(voters: readonly number[]): string {
  const known = voterHashes.get(voters);
  if (known !== undefined) return known;
  const hash = sha256Hex64(JSON.stringify([...voters].sort((a, b) => a - b)));
  voterHashes.set(voters, hash);
  return hash;
}

export function onHeartbeat(state: NodeState, message: MessageOf<"HEARTBEAT">, from: Origin): void {
  const { payload } = message;
  const member = state.members.get(from.sender);
  if (member === undefined) return;
  member.credits = payload.credits;
  member.phase = payload.phase;
  member.bootSeq = payload.boot_seq;
  member.ledgerHash = payload.ledger_hash;
  if (payload.rinc > member.rinc) {
    // A refutation: the peer's own word is newer than all rumours about it.
    member.rinc = payload.rinc;
    becomeAlive(state, member);
    spread(state, { of: member.id, state: "ALIVE", inc: member.incarnation, rinc: member.rinc, by: member.id });
  }
  onRumours(state, payload.rumours);
  noteClaim(state, payload, from.sender);
  onFences(state, payload.fences, from.sender);
  if (reviewPromise(state, payload, from)) drainHeld(state);
  if (accountOf(state, state.self.id) !== undefined || payload.digest.size > 0)
    onDigest(state, from.sender, payload.digest, payload.ledger_hash);
  compact(state);
  seekConfirmation(state, from, payload.ledger_hash);
  seekMembers(state, payload, from);
  checkVoters(state, payload.voters_hash, from);
  // A leaver waits until its records are on this disk: tell it now, not at the next beat.
  const { probeIntervalMs } = state.config.timing;
  if (payload.phase === "LEAVING" && takeTurn(state, "leave-answered", from.sender, probeIntervalMs))
    unicast(state, from.sender, "HEARTBEAT", heartbeatPayload(state));
}

/** Without multicast no node introduces itself to all: a peer that names a node without a known address is asked for its members. */
function seekMembers(state: NodeState, { digest, coordinator_id }: Payload<"HEARTBEAT">, from: Origin): void {
  if (!state.config.fanOut || hasTimer(state.timers, "members-asked", "")) return;
  const named = coordinator_id === null ? [...digest.keys()] : [...digest.keys(), coordinator_id];
  const isKnown = (id: NodeId) => id === state.self.id || (state.members.get(id)?.address ?? null) !== null;
  if (named.every(isKnown)) return;
  setTimer(state.timers, "members-asked", "", state.nowMs + state.config.timing.heartbeatMs);
  startPull(state, from.sender, "members");
}

function checkVoters(state: NodeState, hash: string, from: Origin): void {
  if (hash === votersHash(state.config.voters)) return;
  count(state, "voters_differ");
  if ((state.counters.get("voters_differ") ?? 0) > 1) return;
  const msg = `Node ${from.sender} was started with other voters than this node: set DS_VOTERS alike everywhere`;
  journal(state, { kind: "state", level: "error", msg, from: from.sender });
}
