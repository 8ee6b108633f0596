/**
 * Roles: follower, candidate, coordinator, and the only functions that change them.
 */

import type { NodeId } from "../../wire/ids.ts";
import type { Claim, MessageOf } from "../../wire/message.ts";
import { journal, multicast, nextMsgId } from "../kernel/outbox.ts";
import type { Recovered, Row } from "../kernel/rows.ts";
import { cancelTimer, setTimer } from "../kernel/timers.ts";
import type { CoreConfig, Origin, Self } from "../kernel/types.ts";
import { isLive } from "../membership/members.ts";
import { ensureMember } from "../membership/peer-states.ts";
import { hurryHeartbeat } from "../membership/rumours.ts";
import type { NodeState } from "../state.ts";

export type Role = "FOLLOWER" | "CANDIDATE" | "COORDINATOR";

export interface ElectionState {
  role: Role;
  coordinator: NodeId | null;
  /** Term of the claim that we follow or make. */
  claimTerm: number;
  elected: boolean;
  /** Durable: highest term seen, and the vote cast in it. */
  term: number;
  votedFor: NodeId | null;
  patience: number;
  candidacy: Candidacy | null;
  failures: number;
  /** Membership unchanged since (preemption waits for calm). */
  calmSinceMs: number;
  readyAtMs: number | null;
  /** Leaderships lost, and preemptions that found no majority. */
  readonly defeatsAtMs: number[];
  /** When the present coordinator was accepted (or lost). */
  sinceMs: number;
  /** When this node last followed an elected coordinator, or was one. */
  lastElectedMs: number;
  /** Incarnation of the coordinator when its claim was accepted: a restarted process doesn't lead any more. */
  coordinatorIncarnation: number;
  /** The term that this node won; 0: none. */
  wonTerm: number;
  /** Voters that named us since we lost sight of the quorum. */
  support: NodeId[];
  /** Ballots being written, by write. */
  readonly ballots: Map<number, { readonly term: number; readonly candidate: NodeId }>;
  /** No own candidacy before this instant: a vote was given away, or a round failed. */
  quietUntilMs: number;
  /** Asked for an election although there may be a coordinator (command, OK to a lower node, preemption); null: not. */
  wanted: "command" | "answered" | "preempt" | null;
  /** Durable: its disk was lost, so no vote before a majority of the other voters told their highest term. */
  abstaining: boolean;
  readonly termsHeardFrom: NodeId[];
  /** The last request for a vote that came before this node could vote: answered when it can. */
  early: { readonly message: MessageOf<"ELECTION">; readonly from: Origin } | null;
}

export interface Candidacy {
  stage: "rank" | "deference" | "waiting" | "storing" | "voting";
  term: number;
  readonly startedAtMs: number;
  /** Against an elected coordinator with a lower id. */
  readonly preempts: boolean;
  readonly votes: NodeId[];
  readonly answers: NodeId[];
  /** The write of the own ballot; null: none under way. */
  writeId: number | null;
  /** A live elected coordinator that an answer named. */
  named: Claim | null;
}

/** A new coordinator says so three times, this far apart; heartbeats repeat it for ever. */
const ANNOUNCEMENTS = 3;

const ANNOUNCEMENT_GAP_MS = 20;

/** The claim that this node follows, as messages carry it. */
export function claimOf(state: NodeState): Claim {
  const { coordinator, claimTerm, elected } = state.election;
  return { coordinator_id: coordinator, term: claimTerm, elected };
}

export function isVoter(state: NodeState, id: NodeId): boolean {
  return state.config.voters.includes(id);
}

/** Votes that elect. */
export function majority(state: NodeState): number {
  if (!state.rules.majority) return 1;
  return Math.floor(state.config.voters.length / 2) + 1;
}

/** A strict majority of the voters beside this node: two of these share a voter. 0: there is no other voter. */
export function majorityOfOthers({ config, self }: NodeState): number {
  const others = config.voters.filter((id) => id !== self.id).length;
  return others === 0 ? 0 : Math.floor(others / 2) + 1;
}

/** Voters that this node believes to take part, itself included. */
export function liveVoters(state: NodeState): NodeId[] {
  return state.config.voters.filter((id) => {
    if (id === state.self.id) return true;
    const member = state.members.get(id);
    return member !== undefined && isLive(member);
  });
}

export function becomeCoordinator(state: NodeState, term: number, elected: boolean): void {
  const { election } = state;
  const isRepeat =
    election.coordinator === state.self.id && election.claimTerm === term && election.elected === elected;
  endCandidacy(state);
  Object.assign(election, { role: "COORDINATOR", coordinator: state.self.id, claimTerm: term, elected });
  election.coordinatorIncarnation = state.self.incarnation;
  if (elected) {
    election.wonTerm = term;
    election.failures = 0;
  }
  setTimer(state.timers, "quorum", "", state.nowMs + state.config.timing.probeIntervalMs);
  if (isRepeat) return;
  election.sinceMs = state.nowMs;
  election.support = [];
  tell(state, "info", `I am now the COORDINATOR${suffix(election)}`);
  tell(state, "info", `COORDINATOR message broadcast (reliable) - I am the new leader!${suffix(election)}`);
  announceCoordinator(state, 1);
}

/** The claim of a live node that is greater than ours, or the first one. */
export function becomeFollower(state: NodeState, claim: Claim & { coordinator_id: NodeId }): void {
  const { election } = state;
  if (election.coordinator === state.self.id) noteLeadershipLost(state, claim.coordinator_id);
  endCandidacy(state);
  const member = ensureMember(state, claim.coordinator_id);
  Object.assign(election, { role: "FOLLOWER", coordinator: claim.coordinator_id, claimTerm: claim.term });
  Object.assign(election, { elected: claim.elected, sinceMs: state.nowMs, failures: 0, patience: 0, wanted: null });
  election.coordinatorIncarnation = member?.incarnation ?? 0;
  election.support = [];
  tell(state, "info", `Accepted Node ${claim.coordinator_id} as coordinator${suffix(election)}`);
}

/** The coordinator is gone: nobody is followed until the next claim. `why` is the line for the journal. */
export function becomeLeaderless(state: NodeState, why: string): void {
  const { election } = state;
  if (election.role === "COORDINATOR") election.role = "FOLLOWER";
  election.coordinator = null;
  election.elected = false;
  election.sinceMs = state.nowMs;
  tell(state, "warn", why);
}

/** The same coordinator, without a majority in sight. */
export function becomeProvisional(state: NodeState, why: string): void {
  const { election } = state;
  election.elected = false;
  election.support = [];
  tell(state, "warn", `${why} (provisional: no quorum)`);
  hurryHeartbeat(state);
}

/** Drops an own candidacy, whatever its stage. */
export function endCandidacy(state: NodeState): void {
  const { election } = state;
  election.candidacy = null;
  if (election.role === "CANDIDATE")
    election.role = election.coordinator === state.self.id ? "COORDINATOR" : "FOLLOWER";
  cancelTimer(state.timers, "candidacy", "");
  cancelTimer(state.timers, "vote-resend", "");
  cancelTimer(state.timers, "ok-resend", "");
}

/** Preemption waits longer after several of them (preemption.ts). */
export function noteDefeat(state: NodeState): void {
  const { defeatsAtMs } = state.election;
  defeatsAtMs.push(state.nowMs);
  if (defeatsAtMs.length > 8) defeatsAtMs.shift();
}

function noteLeadershipLost(state: NodeState, to: NodeId): void {
  noteDefeat(state);
  cancelTimer(state.timers, "quorum", "");
  for (let n = 2; n <= ANNOUNCEMENTS; n++) cancelTimer(state.timers, "announce", n);
  tell(state, "info", `Stepping down in favour of Node ${to}`);
}

export function announceCoordinator(state: NodeState, n: number): void {
  if (state.election.coordinator !== state.self.id) return;
  multicast(state, "COORDINATOR", { msg_id: nextMsgId(state), ...claimOf(state) });
  if (n < ANNOUNCEMENTS) setTimer(state.timers, "announce", n + 1, state.nowMs + ANNOUNCEMENT_GAP_MS * n);
}

export function suffix(election: ElectionState): string {
  return election.elected ? "" : " (provisional: no quorum)";
}

/** One line of the journal about the election, with what the checkers need. */
export function tell(state: NodeState, level: "info" | "warn", msg: string): void {
  const { role, claimTerm, elected, coordinator, term: seen } = state.election;
  journal(state, { kind: "election", level, msg, role, term: claimTerm, elected, coordinator, seen });
}

/** The row by which a voter remembers its vote. */
export function voteRow({ election }: NodeState): Row {
  const { term, votedFor, abstaining } = election;
  return { table: "vote", term, votedFor, abstains: abstaining };
}

/** Of the last life, only term and vote are left. */
export function createElection(config: CoreConfig, self: Self, recovered: Recovered | undefined): ElectionState {
  return {
    role: "FOLLOWER",
    coordinator: null,
    claimTerm: 0,
    elected: false,
    term: recovered?.term ?? 0,
    votedFor: recovered?.votedFor ?? null,
    patience: 0,
    candidacy: null,
    failures: 0,
    calmSinceMs: 0,
    readyAtMs: null,
    defeatsAtMs: [],
    sinceMs: 0,
    lastElectedMs: 0,
    coordinatorIncarnation: 0,
    wonTerm: 0,
    support: [],
    ballots: new Map(),
    quietUntilMs: 0,
    wanted: null,
    abstaining: config.voters.includes(self.id) && (recovered?.abstains ?? false),
    termsHeardFrom: [],
    early: null,
  };
}
