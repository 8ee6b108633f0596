/**
 * Elections: when a node stands, and whom it lets go first (Bully). Votes are in votes.ts, roles and claims in claims.ts.
 *
 * Idea: level-triggered. After every input `reviewElection` looks at the state and does what is missing, so no lost message or
 * forgotten event can leave the group without a coordinator. Only the highest live node stands at once, the others wait a rank's
 * delay each: O(n) messages instead of Bully's O(n^2). Source: Garcia-Molina 1982; node/protocol/election.md.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf } from "../../wire/message.ts";
import { count, nextMsgId, reply, unicast } from "../kernel/outbox.ts";
import { cancelTimer, delayTimer, hasTimer, setTimer } from "../kernel/timers.ts";
import type { Command, Origin } from "../kernel/types.ts";
import type { Member } from "../membership/members.ts";
import { hurryHeartbeat } from "../membership/rumours.ts";
import type { NodeState } from "../state.ts";
import { mayVote } from "./abstention.ts";
import { weighClaim } from "./claims.ts";
import { reviewPreemption } from "./preemption.ts";
import {
  becomeLeaderless,
  claimOf,
  endCandidacy,
  isVoter,
  liveVoters,
  majority,
  majorityOfOthers,
  tell,
} from "./roles.ts";
import { beginVote, loseRound, onVote, onVoteRequest, PATIENCE_MAX, retryDelayMs } from "./votes.ts";

/** Waits of the longest kind without an elected coordinator, although a majority of voters is live, until the ids' order counts no more. */
const OVERDUE_WAITS = 2;

/** May this node stand, vote and lead? From JOINING on, not while it leaves or after a fault. */
function mayStand(state: NodeState): boolean {
  return state.phase === "JOINING" || state.phase === "SYNCING" || state.phase === "READY";
}

/** The sole voter on its way in: without its own vote it would burn a term. */
function lacksOwnVote(state: NodeState): boolean {
  return isVoter(state, state.self.id) && majorityOfOthers(state) === 0 && !mayVote(state);
}

/** Run after every input: does whatever the state asks for. */
export function reviewElection(state: NodeState): void {
  checkCoordinator(state);
  const { election } = state;
  if (election.elected) election.lastElectedMs = state.nowMs;
  if (!mayStand(state)) {
    if (election.candidacy !== null) endCandidacy(state);
    return;
  }
  // Others that have finished their discovery may ask us to lead before ours has ended.
  if (state.join.discovering && election.wanted === null) return;
  const { candidacy } = election;
  if (candidacy !== null) {
    // The nodes that answered "I am higher" are gone.
    if (candidacy.stage === "waiting" && higherIds(state).length === 0) defer(state);
    return;
  }
  reviewPreemption(state);
  if (election.wanted !== null) {
    startElection(state, election.wanted === "answered" ? "rank" : "deference");
  } else if (election.coordinator === null) {
    if (lacksOwnVote(state)) return;
    if (state.nowMs >= election.quietUntilMs) startElection(state, "rank");
    else armRetry(state, election.quietUntilMs);
  } else if (!hasTimer(state.timers, "election-retry", "") && isImprovable(state)) {
    const overdueAtMs = election.coordinator === state.self.id ? 0 : overdueSinceMs(state);
    armRetry(state, Math.max(overdueAtMs, state.nowMs + retryDelayMs(state)));
  }
}

/** A coordinator that failed, left, restarted or can't store anything any more is none. */
function checkCoordinator(state: NodeState): void {
  const { election } = state;
  const id = election.coordinator;
  if (id === state.self.id && state.phase === "HALTED") {
    becomeLeaderless(state, "This node is halted and leads no more");
    hurryHeartbeat(state);
  }
  if (id === null || id === state.self.id) return;
  const member = state.members.get(id);
  if (member === undefined || member.state === "FAILED") becomeLeaderless(state, "LEADER FAILED - triggering election");
  else if (member.state === "LEFT") becomeLeaderless(state, "Coordinator left, starting election");
  else if (member.phase === "HALTED") becomeLeaderless(state, `Coordinator Node ${id} is halted, starting election`);
  else if (election.coordinatorIncarnation > 0 && member.incarnation !== election.coordinatorIncarnation)
    becomeLeaderless(state, `Coordinator Node ${id} restarted, starting election`);
  else if (member.state === "UNKNOWN" && state.nowMs - election.sinceMs > state.config.timing.heartbeatTimeoutMs)
    becomeLeaderless(state, `Coordinator Node ${id} was never heard, starting election`);
  else if (election.coordinatorIncarnation === 0) election.coordinatorIncarnation = member.incarnation;
}

/**
 * The coordinator is provisional, and enough voters are there to elect one: it stands again. If it fails for long, its links are to blame,
 * and the voters that follow it stand themselves.
 */
function isImprovable(state: NodeState): boolean {
  const { election, config, self } = state;
  if (election.coordinator === null || election.elected || config.voters.length === 0) return false;
  if (election.coordinator !== self.id && !(isVoter(state, self.id) && state.rules.patience)) return false;
  return seesMajority(state);
}

function seesMajority(state: NodeState): boolean {
  return liveVoters(state).length >= majority(state);
}

/** The instant from which on a voter that stands lets nobody go first: by then, who should lead has had its rounds. */
function overdueSinceMs({ election, config }: NodeState): number {
  return election.lastElectedMs + OVERDUE_WAITS * config.timing.electionTimeoutMs;
}

function isOverdue(state: NodeState): boolean {
  return isVoter(state, state.self.id) && seesMajority(state) && state.nowMs >= overdueSinceMs(state);
}

function armRetry(state: NodeState, atMs: number): void {
  if (!hasTimer(state.timers, "election-retry", "")) setTimer(state.timers, "election-retry", "", atMs);
}

export function onElectionRetry(state: NodeState): void {
  if (!mayStand(state) || state.election.candidacy !== null || !isImprovable(state)) return;
  if (state.election.coordinator === state.self.id || isOverdue(state)) startElection(state, "rank");
}

function startElection(state: NodeState, from: "rank" | "deference"): void {
  const { election } = state;
  const preempts = election.wanted === "preempt";
  if (isOverdue(state)) election.patience = PATIENCE_MAX;
  if (election.coordinator === null && election.sinceMs === 0)
    tell(state, "info", "No coordinator known, starting election");
  election.wanted = null;
  election.role = "CANDIDATE";
  count(state, "elections_started");
  cancelTimer(state.timers, "election-retry", "");
  election.candidacy = {
    stage: "rank",
    preempts,
    term: election.term,
    startedAtMs: state.nowMs,
    votes: [],
    answers: [],
    writeId: null,
    named: null,
  };
  tell(state, "info", "========== STARTING ELECTION ==========");
  const rank = from === "rank" ? higherIds(state).length : 0;
  const { rankDelayMs, electionTimeoutMs } = state.config.timing;
  if (rank === 0) defer(state);
  else setTimer(state.timers, "candidacy", "", state.nowMs + Math.min(rank * rankDelayMs, electionTimeoutMs));
}

/** Bully: ask the higher ones first. */
function defer(state: NodeState): void {
  const { election } = state;
  const { candidacy } = election;
  if (candidacy === null) return;
  const higher = higherIds(state);
  if (higher.length === 0 || (election.patience >= PATIENCE_MAX && state.rules.patience)) {
    const why = higher.length === 0 ? "No higher-priority nodes" : "No OK received (timeout)";
    tell(state, "info", `${why}, declaring self as coordinator`);
    beginVote(state);
    return;
  }
  candidacy.stage = "deference";
  tell(state, "info", `Sending ELECTION to higher nodes: [${higher.join(", ")}]`);
  askHigher(state);
  const waitMs = okWaitMs(state, higher);
  setTimer(state.timers, "candidacy", "", state.nowMs + waitMs);
  setTimer(state.timers, "ok-resend", "", state.nowMs + waitMs / 2);
}

export function askHigher(state: NodeState): void {
  const { candidacy, patience, term } = state.election;
  if (candidacy?.stage !== "deference") return;
  for (const id of higherIds(state)) unicast(state, id, "ELECTION", { kind: "alive", term, patience });
}

export function onCandidacyTimer(state: NodeState): void {
  const { election } = state;
  const { candidacy } = election;
  if (candidacy === null) return;
  if (candidacy.stage === "voting") loseRound(state);
  else {
    if (candidacy.stage === "deference" || candidacy.stage === "waiting") election.patience += 1;
    defer(state);
  }
}

/** Live higher nodes that could lead. While there is a coordinator (preemption, command) only READY ones count. */
export function higherIds(state: NodeState): NodeId[] {
  const ids: NodeId[] = [];
  for (const member of state.members.values())
    if (member.id > state.self.id && member.state === "ALIVE" && couldLead(state, member)) ids.push(member.id);
  return ids.sort((a, b) => a - b);
}

function couldLead(state: NodeState, { phase }: Member): boolean {
  if (phase === null || phase === "READY") return true;
  return state.election.coordinator === null && (phase === "JOINING" || phase === "SYNCING");
}

function okWaitMs(state: NodeState, higher: readonly NodeId[]): number {
  const { okWaitMinMs, electionTimeoutMs } = state.config.timing;
  let spanMs = okWaitMinMs;
  for (const id of higher) spanMs = Math.max(spanMs, 4 * (state.members.get(id)?.srttMs ?? 0));
  return Math.min(spanMs, electionTimeoutMs);
}

export function onElection(state: NodeState, message: MessageOf<"ELECTION">, from: Origin): void {
  if (!mayStand(state)) return;
  if (message.payload.kind === "vote") {
    if (onVoteRequest(state, message, from)) wantToLead(state);
    return;
  }
  if (from.sender > state.self.id) return;
  const { election } = state;
  tell(state, "info", `Sending OK to Node ${from.sender} (we have higher priority)`);
  const asked = { candidate: from.sender, round_term: message.payload.term };
  const answer = { kind: "alive", granted: true, ...asked, seen_term: election.term, ...claimOf(state) } as const;
  unicast(state, from.sender, "OK", answer);
  if (election.coordinator === state.self.id && election.elected)
    unicast(state, from.sender, "COORDINATOR", { msg_id: nextMsgId(state), ...claimOf(state) });
  else wantToLead(state);
}

/** This node can vote from now on. */
export function answerEarly(state: NodeState): void {
  const { early } = state.election;
  state.election.early = null;
  if (early !== null) onElection(state, early.message, early.from);
}

/** A node that says "I am higher" must lead or know the leader, or a heal waits for timeouts. */
function wantToLead(state: NodeState): void {
  const { election } = state;
  if (election.candidacy !== null) return;
  if (election.coordinator === null || !election.elected) election.wanted = "answered";
}

export function onOk(state: NodeState, message: MessageOf<"OK">, from: Origin): void {
  const { kind, candidate, coordinator_id, term, elected } = message.payload;
  if (candidate !== state.self.id) return;
  if (kind === "vote") {
    onVote(state, message, from);
    return;
  }
  const { election } = state;
  if (election.candidacy?.stage !== "deference" || from.sender < state.self.id) return;
  election.candidacy.stage = "waiting";
  setTimer(state.timers, "candidacy", "", state.nowMs + state.config.timing.electionTimeoutMs);
  weighClaim(state, { coordinator_id, term, elected }, from.sender);
  if (election.candidacy === null || !elected || coordinator_id !== election.coordinator) return;
  endCandidacy(state);
  tell(state, "info", `Accepted Node ${coordinator_id} as coordinator`);
}

/** The command `election`: stand now, whatever there is. */
export function onElectionCommand(state: NodeState, command: Extract<Command, { op: "election" }>): void {
  if (!mayStand(state)) {
    const message = `Node ${state.self.id} can't stand for election while ${state.phase}`;
    reply(state, command.requestId, true, { ok: false, code: "NOT_READY", definite: true, message });
    return;
  }
  if (state.election.candidacy === null) state.election.wanted = "command";
  reply(state, command.requestId, true, { ok: true, data: { term: state.election.term }, text: "Election started" });
}

/**
 * After a freeze. A short one stops the clock of a candidacy for as long: where a machine has too little time for all its processes
 * each of them is stopped again and again, and nobody would ever be elected if each stop ended what a node stands for. After a
 * freeze as long as the hard failure bound the group has decided without us.
 */
export function pauseElection(state: NodeState, untilMs: number, frozenMs: number): void {
  const { election } = state;
  const { suspicionMinMs, heartbeatTimeoutMs } = state.config.timing;
  // A short stall adds nothing to the calm; after a long one the group may be another.
  const isCalm = frozenMs < suspicionMinMs;
  election.lastElectedMs = Math.min(state.nowMs, election.lastElectedMs + frozenMs);
  election.calmSinceMs = isCalm ? Math.min(state.nowMs, election.calmSinceMs + frozenMs) : state.nowMs;
  if (frozenMs < heartbeatTimeoutMs) {
    for (const kind of ["candidacy", "ok-resend", "vote-resend"] as const) delayTimer(state.timers, kind, "", frozenMs);
    if (election.quietUntilMs > state.nowMs - frozenMs) election.quietUntilMs += frozenMs;
    return;
  }
  endCandidacy(state);
  election.patience = 0;
  election.wanted = null;
  election.quietUntilMs = Math.max(election.quietUntilMs, untilMs);
}
