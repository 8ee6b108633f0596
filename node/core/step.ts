/**
 * The core's entry: one input in, a list of effects out. Routing only; every decision is in the module that the tables name.
 *
 * Idea (etcd's raft, quinn-proto): the whole node is `state`, time is an argument, and effects are values. After each
 * input the level-triggered reviews run, so a forgotten event can't leave anything undone for longer than one step.
 */

import type { Message, MessageOf, MessageType } from "../wire/message.ts";
import { createCausal } from "./causal/causal-state.ts";
import { onNakTimer } from "./causal/gaps.ts";
import { onPullTimer } from "./causal/pull.ts";
import { onCoordinator } from "./election/claims.ts";
import {
  askHigher,
  onCandidacyTimer,
  onElection,
  onElectionCommand,
  onElectionRetry,
  onOk,
  pauseElection,
  reviewElection,
} from "./election/election.ts";
import { onPreemptionDue } from "./election/preemption.ts";
import { checkQuorum, doubtLeadership } from "./election/quorum.ts";
import { announceCoordinator, createElection } from "./election/roles.ts";
import { askForVotes, onVoteStored } from "./election/votes.ts";
import { count, journal, reply } from "./kernel/outbox.ts";
import { createRandom } from "./kernel/random.ts";
import type { Recovered } from "./kernel/rows.ts";
import { RULES, type Rules } from "./kernel/rules.ts";
import { createTimers, fireTimer, nextTimeoutMs, type TimerHandlers, takeDue } from "./kernel/timers.ts";
import type { CoreConfig, Effect, Input, Origin, Self } from "./kernel/types.ts";
import { createLedger } from "./ledger/ledger.ts";
import { isUnanswerable } from "./ledger/recall.ts";
import { tellBoot } from "./ledger/testimony.ts";
import { onChallengeTimeout, onDouble, onFar, reviewAddresses } from "./lifecycle/addresses.ts";
import { answerWaiting, onJoin, reviewAdmissions } from "./lifecycle/admission.ts";
import { endWaiting } from "./lifecycle/awaited-answers.ts";
import {
  createBeat,
  onBeat,
  onHeartbeat,
  pauseHeartbeat,
  sendHeartbeat,
  startHeartbeat,
} from "./lifecycle/heartbeat.ts";
import { addExpectedMembers, admit } from "./lifecycle/identity.ts";
import {
  announceJoin,
  becomeReady,
  createJoin,
  endDiscovery,
  hurryJoin,
  onJoinResponse,
  onJoinStored,
  onSyncTooLong,
  pauseDiscovery,
  reviewJoin,
  startJoin,
} from "./lifecycle/join.ts";
import { onLeave, onLeaveTimer, onStop } from "./lifecycle/leave.ts";
import { settleAccountConflict } from "./lifecycle/own-account.ts";
import { onRivalTimeout } from "./lifecycle/rivals.ts";
import { onMoneyStored, onMoneyStoreFailed, onSyncCheck } from "./lifecycle/storage.ts";
import { createAddresses } from "./membership/address-proof.ts";
import {
  callOneFailed,
  createDetector,
  onProbeRound,
  pauseDetector,
  startDetector,
} from "./membership/failure-detector.ts";
import { onPing, onPingReq, onPong, onProbeTimeout, probe, worsenHealth } from "./membership/probe.ts";
import { createRumours } from "./membership/rumours.ts";
import { onSuspicionTimeout, shortestSuspicionMs } from "./membership/suspicion.ts";
import { onFenceRequest } from "./recovery/fence.ts";
import { askAgain, onFenceResponse, reviewRecovery } from "./recovery/lost-disk.ts";
import { takeFenced } from "./recovery/own-fence.ts";
import { onRecoverCommand, onRecoveryPatienceOver } from "./recovery/recover-command.ts";
import { createRecovery } from "./recovery/recovery-state.ts";
import { onTradeConfirm } from "./replication/delivery.ts";
import { onHashes } from "./replication/divergence.ts";
import { onAck, onNak } from "./replication/repair.ts";
import { onStateChunk, onStateRequest } from "./replication/state-transfer.ts";
import type { NodeState } from "./state.ts";
import { createTrading, onTradeCommand } from "./trading/commands.ts";
import { onConfirmTimer } from "./trading/confirmations.ts";
import { onTradeRequest } from "./trading/counterparty.ts";
import { onOfferTimer, onRequestTimer, onTradeResponse } from "./trading/initiator.ts";

/** A tick that comes this late shows a busy process: its own timeouts can't be trusted. */
const LAG_MS = 100;

const timerHandlers: TimerHandlers = {
  announce: announceCoordinator,
  beat: onBeat,
  "beat-early": sendHeartbeat,
  "call-next": callOneFailed,
  candidacy: onCandidacyTimer,
  confirm: onConfirmTimer,
  challenge: onChallengeTimeout,
  "election-retry": onElectionRetry,
  "join-announce": announceJoin,
  "join-answer": answerWaiting,
  "join-conflict": settleAccountConflict,
  "join-discovery": endDiscovery,
  "join-overdue": endWaiting,
  "join-sync": onSyncTooLong,
  leave: onLeaveTimer,
  nak: onNakTimer,
  offer: onOfferTimer,
  "ok-resend": askHigher,
  preempt: onPreemptionDue,
  probe: onProbeTimeout,
  "probe-now": probe,
  "probe-round": onProbeRound,
  pull: onPullTimer,
  quorum: checkQuorum,
  "recovery-ask": askAgain,
  "recovery-patience": onRecoveryPatienceOver,
  request: onRequestTimer,
  rival: onRivalTimeout,
  suspicion: onSuspicionTimeout,
  sync: onSyncCheck,
  "vote-resend": askForVotes,
};

/** Kinds of timers that do something when they are due. */
export const ACTING_TIMERS: ReadonlySet<string> = new Set(Object.keys(timerHandlers));

type Handlers = { readonly [T in MessageType]: (state: NodeState, message: MessageOf<T>, from: Origin) => void };

const handlers: Handlers = {
  TRADE_REQUEST: onTradeRequest,
  TRADE_RESPONSE: onTradeResponse,
  TRADE_CONFIRM: onTradeConfirm,
  ACK: onAck,
  NAK: onNak,
  HASHES: onHashes,
  STATE_REQUEST: onStateRequest,
  STATE_CHUNK: onStateChunk,
  HEARTBEAT: onHeartbeat,
  JOIN: onJoin,
  JOIN_RESPONSE: onJoinResponse,
  LEAVE: onLeave,
  ELECTION: onElection,
  OK: onOk,
  FENCE_REQUEST: onFenceRequest,
  FENCE_RESPONSE: onFenceResponse,
  COORDINATOR: onCoordinator,
  PING: onPing,
  PING_REQ: onPingReq,
  PONG: onPong,
};

/**
 * A node before its first input (`start`). `recovered` is what its store held; absent: the store was empty. `rules` are for the
 * simulator alone.
 */
export function create(
  config: CoreConfig,
  self: Self,
  seed: number,
  recovered?: Recovered,
  rules: Rules = RULES,
): NodeState {
  return {
    config,
    rules,
    self,
    nowMs: 0,
    phase: "JOINING",
    rinc: 0,
    random: createRandom(seed),
    timers: createTimers(),
    outbox: [],
    recalled: null,
    nextWriteId: 1,
    nextMsgId: 1,
    members: new Map(),
    counters: new Map(),
    addresses: createAddresses(),
    rumours: createRumours(),
    detector: createDetector(),
    election: createElection(config, self, recovered),
    join: createJoin(config, self, recovered),
    ledger: createLedger(recovered),
    causal: createCausal(),
    trading: createTrading(recovered, self),
    recovery: createRecovery(recovered),
    beat: createBeat(),
    leaving: null,
  };
}

/** Advances the node by one input at the monotonic instant `nowMs`; returns what the shell has to do, in order. */
export function step(state: NodeState, input: Input, nowMs: number): readonly Effect[] {
  state.nowMs = nowMs;
  state.outbox = [];
  state.recalled = ("recalled" in input ? input.recalled : null) ?? null;
  if (isUnanswerable(state, input)) onUnanswerable(state, input);
  else take(state, input);
  reviewJoin(state);
  reviewRecovery(state);
  reviewElection(state);
  reviewAdmissions(state);
  reviewAddresses(state);
  const effects = state.outbox;
  state.outbox = [];
  return effects;
}

/** The instant of the next due timer, or null; an earlier tick is a no-op. */
export function nextDeadlineMs(state: NodeState): number | null {
  return nextTimeoutMs(state.timers);
}

function take(state: NodeState, input: Input): void {
  switch (input.type) {
    case "start":
      onStart(state);
      return;
    case "message":
      onMessage(state, input.message, input.from);
      return;
    case "command":
      if (input.command.op === "election") onElectionCommand(state, input.command);
      else if (input.command.op === "recover") onRecoverCommand(state, input.command);
      else onTradeCommand(state, input.command);
      return;
    case "dropped":
      if (input.reason === "far") onFar(state, input.from);
      else onDouble(state, input.from);
      return;
    case "tick":
      onTick(state);
      return;
    case "stored":
      onVoteStored(state, input.writeId);
      onJoinStored(state, input.writeId);
      onMoneyStored(state, input.writeId);
      if (takeFenced(state, input.writeId)) becomeReady(state);
      return;
    case "storeFailed":
      onMoneyStoreFailed(state, input.writeId, input.reason);
      return;
    case "resumed":
      onResumed(state, input.frozenMs);
      return;
    case "stop":
      onStop(state);
      return;
  }
}

/** Neither a request nor a trade may be executed twice, so nothing is done before the store can be read. The sender will repeat it. */
function onUnanswerable(state: NodeState, input: Input): void {
  count(state, "recalls_failed");
  if (input.type !== "command") return;
  const message = `Node ${state.self.id} can't read its store, and so can't tell whether it has executed this request before`;
  reply(state, input.command.requestId, true, { ok: false, code: "STORAGE", definite: false, message });
}

function onStart(state: NodeState): void {
  // Nothing is known yet: what happens from now on is measured from now on.
  state.election.calmSinceMs = state.nowMs;
  state.election.lastElectedMs = state.nowMs;
  state.beat.lastAtMs = state.nowMs;
  addExpectedMembers(state);
  tellBoot(state);
  startHeartbeat(state);
  startDetector(state);
  startJoin(state);
}

function onMessage(state: NodeState, message: Message, from: Origin): void {
  // It takes part in nothing: a peer that probes it must get no answer.
  if (state.phase === "CONFLICT") return;
  if (!admit(state, message, from)) return;
  hurryJoin(state);
  const handle = handlers[message.message_type] as (state: NodeState, message: Message, from: Origin) => void;
  handle(state, message, from);
}

function onTick(state: NodeState): void {
  const lateMs = state.nowMs - (nextTimeoutMs(state.timers) ?? state.nowMs);
  if (lateMs > LAG_MS && state.nowMs >= state.detector.graceUntilMs) {
    worsenHealth(state);
    if (lateMs > Math.max(LAG_MS, state.config.timing.suspicionMinMs / 2)) onResumed(state, lateMs);
  }
  for (let due = takeDue(state.timers, state.nowMs); due !== null; due = takeDue(state.timers, state.nowMs))
    if (state.phase !== "CONFLICT") fireTimer(timerHandlers, state, due);
}

/** This process did not run for `frozenMs`: what it missed is no evidence against others, nor for its own leadership. */
function onResumed(state: NodeState, frozenMs: number): void {
  if (!state.rules.freezeNoticed) return;
  count(state, "freezes");
  const msg = `This node did not run for ${Math.round(frozenMs)} ms`;
  journal(state, { kind: "state", level: "warn", msg, frozen_ms: frozenMs });
  pauseDetector(state, frozenMs);
  pauseDiscovery(state, frozenMs);
  pauseElection(state, state.detector.graceUntilMs, frozenMs);
  // Nobody is declared dead in less: a starved leader that says so at each hiccup would never look elected.
  if (frozenMs >= shortestSuspicionMs(state)) doubtLeadership(state);
  // The decisions of others meanwhile lie in the socket: read them before speaking. Hiccups can't have changed so much, and a starved
  // process that waited after each would never speak.
  if (frozenMs >= state.config.timing.heartbeatTimeoutMs)
    pauseHeartbeat(state, state.nowMs + state.config.timing.probeTimeoutMinMs);
}
