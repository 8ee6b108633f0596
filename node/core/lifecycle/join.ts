/**
 * Joining: discovery, the own account, state transfer, READY. Level-triggered: `reviewJoin` does whatever has become possible.
 *
 * Discovery ends when all expected nodes have been heard, a coordinator is known, or its window closes. A node that is alone is READY
 * then, if its account is on disk and confirmed; a node that hears somebody waits for the answers to its JOIN (awaited-answers.ts). A new
 * account waits for its witnesses (own-account.ts).
 */
import { MEMBERS_MAX, type NodeId } from "../../wire/ids.ts";
import type { MessageOf, Payload } from "../../wire/message.ts";
import { startSync } from "../causal/pull.ts";
import { noteSeenTerm } from "../election/abstention.ts";
import { noteClaim } from "../election/claims.ts";
import { answerEarly } from "../election/election.ts";
import { journal } from "../kernel/outbox.ts";
import { becomeConflict } from "../kernel/phase.ts";
import { drawHex64 } from "../kernel/random.ts";
import type { Recovered } from "../kernel/rows.ts";
import { cancelTimer, setTimer } from "../kernel/timers.ts";
import type { CoreConfig, Origin, Self } from "../kernel/types.ts";
import { clockObject, entry, merge } from "../kernel/vector-clock.ts";
import { accountOf, durableClock } from "../ledger/ledger.ts";
import { tellBooks } from "../ledger/testimony.ts";
import { multicastJoin } from "../membership/introduction.ts";
import { noteDurable } from "../membership/members.ts";
import { hurryHeartbeat } from "../membership/rumours.ts";
import { onStaleIncarnation } from "../membership/stale-incarnation.ts";
import { onFences } from "../recovery/fence.ts";
import type { NodeState } from "../state.ts";
import { awaitsAnswers, beginWaiting } from "./awaited-answers.ts";
import { EARLY_GAPS_MS, type JoinState } from "./join-state.ts";
import { compareAccounts, confirm, hasAskedEverybody, mayMint, mint, tellAwaited } from "./own-account.ts";
import { onDuplicateRefusal } from "./rivals.ts";

const RETRY_FIRST_MS = 500;
const RETRY_CAP_MS = 8_000;

export function createJoin(config: CoreConfig, self: Self, recovered: Recovered | undefined): JoinState {
  return {
    nonce: "",
    attempts: 0,
    startedAtMs: 0,
    announcedAtMs: 0,
    answers: new Map(),
    responder: null,
    target: null,
    discovering: true,
    expectedHeard: 0,
    synchronised: false,
    mintWriteId: null,
    // Without voters an earlier run may have minted it without any other node knowing.
    confirmed:
      config.voters.length > 0 &&
      recovered?.own !== "unconfirmed" &&
      (recovered?.accounts.some((account) => account.id === self.id) ?? false),
    witnesses: new Set(),
    lossAccepted: false,
    told: "",
    // It was stopped before it had recovered.
    lostDisk: recovered?.own === "lost",
    waiting: new Map(),
    fullBy: null,
    rival: null,
    rivalAddress: null,
    beatenAddress: null,
    isOutgrown: false,
    isOverdue: false,
    staleWrite: null,
    mistakenFor: 0,
    announcedReady: false,
  };
}

export function startJoin(state: NodeState): void {
  const { join } = state;
  join.startedAtMs = state.nowMs;
  join.nonce = drawHex64(state.random);
  setTimer(state.timers, "join-discovery", "", state.nowMs + state.config.timing.discoveryMs);
  beginWaiting(state);
  journal(state, { kind: "state", level: "info", msg: "JOIN announced (reliable)" });
  announceJoin(state);
}

/** Sends JOIN until a node has answered, the account is confirmed, and a voter has its vote back (votes.ts). */
export function announceJoin(state: NodeState): void {
  const { join, phase } = state;
  const isDone = join.answers.size > 0 && join.confirmed && phase !== "JOINING" && !state.election.abstaining;
  if (isDone || phase === "CONFLICT" || phase === "HALTED" || phase === "LEAVING") return;
  multicastJoin(state);
  join.announcedAtMs = state.nowMs;
  const gapMs = EARLY_GAPS_MS[join.attempts] ?? RETRY_FIRST_MS << Math.min(4, join.attempts - EARLY_GAPS_MS.length);
  join.attempts += 1;
  if (join.attempts > EARLY_GAPS_MS.length + 1) tellAwaited(state);
  setTimer(state.timers, "join-announce", "", state.nowMs + Math.min(gapMs, RETRY_CAP_MS));
}

/**
 * A peer speaks that has not answered JOIN: it was cut off until now, or takes this process for a former one and accepts only a JOIN. The long
 * pauses are for a node that is alone.
 */
export function hurryJoin(state: NodeState): void {
  const { join, phase } = state;
  if (phase !== "JOINING" || join.answers.size > 0 || join.attempts <= EARLY_GAPS_MS.length) return;
  setTimer(state.timers, "join-announce", "", Math.max(state.nowMs, join.announcedAtMs + RETRY_FIRST_MS));
}

/** Run after every input: takes the next step towards READY, if it is possible. */
export function reviewJoin(state: NodeState): void {
  const { join, config } = state;
  if (join.discovering) {
    // A coordinator is known, or all expected nodes are here: nothing is left to wait for. Nodes that have synchronised are READY by then.
    const isGathered = config.expected.length > 0 && isEverybodyKnown(state);
    if (isGathered || state.election.coordinator !== null) endDiscovery(state);
  }
  if (state.phase !== "JOINING" && state.phase !== "SYNCING") return;
  if (accountOf(state, state.self.id) === undefined) {
    if (join.fullBy !== null && join.answers.size === 0) {
      if (!join.discovering) giveUp(state, join.fullBy);
      return;
    }
    if (mayMint(state) && !awaitsAnswers(state)) mint(state);
    return;
  }
  if (!durableClock(state).has(state.self.id)) return;
  if (join.lossAccepted) confirm(state);
  if (join.mintWriteId !== null) {
    // The account is on disk now: one more JOIN tells everybody about it.
    join.mintWriteId = null;
    multicastJoin(state);
  }
  const isUnconfirmed = !join.lostDisk && config.voters.length > 0 && !join.confirmed;
  if (isUnconfirmed || (join.lostDisk && !hasAskedEverybody(state)) || awaitsAnswers(state)) return;
  if (state.phase === "JOINING" ? !join.discovering && !join.lostDisk : join.synchronised) becomeReady(state);
}

function isEverybodyKnown(state: NodeState): boolean {
  const { config, join, self, members } = state;
  // A node that was heard once stays known, so each one is looked at once.
  for (; join.expectedHeard < config.expected.length; join.expectedHeard++) {
    const id = config.expected[join.expectedHeard] as NodeId;
    if (id !== self.id && (members.get(id)?.state ?? "UNKNOWN") === "UNKNOWN") return false;
  }
  return true;
}

export function endDiscovery(state: NodeState): void {
  state.join.discovering = false;
  cancelTimer(state.timers, "join-discovery", "");
}

/** After a freeze the window goes on for as long as it would have. */
export function pauseDiscovery(state: NodeState, frozenMs: number): void {
  const { join, config } = state;
  if (!join.discovering) return;
  const addedMs = Math.min(frozenMs, config.timing.discoveryMs);
  const endsAtMs = Math.max(state.nowMs, join.startedAtMs + config.timing.discoveryMs + addedMs);
  setTimer(state.timers, "join-discovery", "", endsAtMs);
}

export function onJoinResponse(state: NodeState, message: MessageOf<"JOIN_RESPONSE">, from: Origin): void {
  const { payload } = message;
  const { join } = state;
  const member = state.members.get(from.sender);
  if (payload.nonce !== join.nonce || member === undefined) return;
  if (payload.refused !== undefined) {
    onRefusal(state, payload, from.sender);
    return;
  }
  member.phase = payload.phase;
  noteClaim(state, payload, from.sender);
  onFences(state, payload.fences, from.sender);
  noteDurable(state, from.sender, payload.clock_state);
  join.answers.set(from.sender, { accountKnown: payload.account !== null, account: payload.account });
  compareAccounts(state, payload.account, from.sender);
  if (payload.seen_term !== undefined) noteSeenTerm(state, from.sender, payload.seen_term);
  if (state.phase !== "JOINING" && !(state.phase === "SYNCING" && (join.lostDisk || join.isOutgrown))) return;
  const title = payload.coordinator_id === from.sender ? "coordinator " : "";
  const msg = `Received JOIN_RESPONSE from ${title}Node ${from.sender}`;
  journal(state, { kind: "state", level: "info", msg, from: from.sender, phase: "SYNCING" });
  becomeSyncing(state, from.sender, payload);
}

function becomeSyncing(state: NodeState, responder: NodeId, { clock_state, more }: Payload<"JOIN_RESPONSE">): void {
  const { join } = state;
  state.phase = "SYNCING";
  join.responder = responder;
  join.target = merge(join.target ?? new Map(), clock_state);
  join.synchronised = false;
  setTimer(state.timers, "join-sync", "", state.nowMs + state.config.timing.heartbeatTimeoutMs);
  startSync(state, responder, join.target, more === true);
}

/** Called when everything up to the target is on disk. */
export function onSynchronised(state: NodeState): void {
  const { join, election } = state;
  if (state.phase !== "SYNCING") return;
  join.synchronised = true;
  // A node that lost its disk still waits for records that others have named; if one of them has lost those too, the timer ends the wait.
  if (!join.lostDisk) cancelTimer(state.timers, "join-sync", "");
  const ids = [...new Set([...state.members.keys(), ...(join.target?.keys() ?? []), state.self.id])];
  const known = ids.filter((id) => state.members.get(id)?.state !== "UNKNOWN").sort((a, b) => a - b);
  const vc = clockObject(durableClock(state));
  journal(state, { kind: "state", level: "info", msg: "Vector clock synchronized from coordinator", vc });
  const coordinator = election.coordinator ?? "none";
  const msg = `State synchronized - coordinator=${coordinator}, known_nodes=[${known.join(", ")}]`;
  journal(state, { kind: "state", level: "info", msg, coordinator: election.coordinator });
}

/**
 * No member could serve the transfer: digests bring the rest. A node without a disk needs the transfer and goes on waiting. A node whose
 * disk was lost goes on as RECOVERING, since the promised records may be lost too.
 */
export function onSyncTooLong(state: NodeState): void {
  if (state.phase !== "SYNCING") return;
  if (state.join.lostDisk && state.config.durable) {
    becomeReady(state);
    return;
  }
  if (state.join.lostDisk) {
    setTimer(state.timers, "join-sync", "", state.nowMs + state.config.timing.heartbeatTimeoutMs);
    return;
  }
  journal(state, {
    kind: "state",
    level: "warn",
    msg: "State transfer did not finish; going on, digests will complete it",
  });
  state.join.synchronised = true;
}

/** READY, or RECOVERING while a disk is lost. */
export function becomeReady(state: NodeState): void {
  const { join } = state;
  if (join.lostDisk && state.config.durable && state.rules.lostDisk) {
    state.phase = "RECOVERING";
    const msg = "RECOVERING: the store was lost; this node may be paid and not pay";
    journal(state, { kind: "state", level: "error", msg, phase: "RECOVERING" });
    return;
  }
  state.phase = "READY";
  state.election.readyAtMs = state.nowMs;
  state.beat.bootSeq ??= entry(durableClock(state), state.self.id);
  journal(state, { kind: "state", level: "info", msg: `Node ${state.self.id} is READY`, phase: "READY" });
  answerEarly(state);
  tellBooks(state, "ready");
  hurryHeartbeat(state);
  if (join.announcedReady) return;
  join.announcedReady = true;
  state.outbox.push({ type: "ready" });
}

function onRefusal(state: NodeState, payload: MessageOf<"JOIN_RESPONSE">["payload"], by: NodeId): void {
  switch (payload.refused) {
    case "STALE_INC":
      onStaleIncarnation(state, payload.known_inc ?? 0, by);
      return;
    case "DUPLICATE_ID":
      onDuplicateRefusal(state, payload.known_addr, by);
      return;
    case "ACCOUNT_CONFLICT":
      state.join.answers.set(by, { accountKnown: true, account: payload.account });
      compareAccounts(state, payload.account, by);
      return;
    case "PROTOCOL": {
      if (state.phase !== "JOINING") return;
      const why = `it speaks protocol ${payload.proto.min} to ${payload.proto.max}`;
      journal(state, { kind: "state", level: "error", msg: `JOIN refused by Node ${by}: ${why}` });
      return;
    }
    case "FULL":
      state.join.fullBy = by;
      return;
  }
}

/**
 * The group has as many accounts as a vector can count; they are never given up, so a newcomer would wait for ever. A
 * single member's refusal doesn't count if another one has let this node in before discovery is over.
 */
function giveUp(state: NodeState, by: NodeId): void {
  const { id } = state.self;
  const reason =
    `Node ${by} refused node ${id}: its group knows ${MEMBERS_MAX} nodes, the most that a group can have (those that left or failed ` +
    "count too). Start with the number of a node that has left, or start another group (DS_MULTICAST_PORT or DS_KEYS)";
  becomeConflict(state, `JOIN refused by Node ${by}: FULL`, { from: by });
  state.outbox.push({ type: "exit", code: 1, reason });
}

/** The higher incarnation is on disk (stale-incarnation.ts): join again with it. */
export function onJoinStored(state: NodeState, writeId: number): void {
  const { join } = state;
  if (join.staleWrite?.writeId !== writeId) return;
  state.self = { ...state.self, incarnation: join.staleWrite.incarnation };
  join.staleWrite = null;
  join.isOutgrown = true;
  // Answers to the former incarnation were for a process that knew less.
  join.answers.clear();
  join.nonce = drawHex64(state.random);
  join.attempts = 0;
  beginWaiting(state);
  announceJoin(state);
}
