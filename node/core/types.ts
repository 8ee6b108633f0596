/**
 * The contract of the pure core, and the whole state of a node as plain data.
 *
 *   create(config, self, seed, recovered?, rules?) -> NodeState
 *   step(state, input, nowMs)              -> readonly Effect[]
 *   nextDeadlineMs(state)                  -> number | null
 *
 * `step` is synchronous and deterministic: the clock is an argument, randomness a generator inside the state, the disk a request
 * (`persist`) that comes back as an input (`stored`). Same seed and same inputs give the same effects, byte for byte. The state is
 * plain data (`structuredClone` works). `nowMs` is a monotonic clock in milliseconds; it never goes back. Extra ticks are no-ops.
 */

import type { Clock } from "../wire/clock.ts";
import type { RefusalCode, TradeData } from "../wire/control.ts";
import type { NodeId } from "../wire/ids.ts";
import type { JournalEvent } from "../wire/journal.ts";
import type { Claim, Genesis, Message, PeerState, Phase, Rumour, SnapshotPart, TradeRecord } from "../wire/message.ts";
import type { JoinState } from "./join-state.ts";
import type { Compacted, LedgerState } from "./ledger-types.ts";
import type { RandomState } from "./random.ts";
import type { RecoveryState } from "./recovery-state.ts";
import type { Rules } from "./rules.ts";
import type { TimerTable } from "./timers.ts";

/** Every span of the protocol in milliseconds; presets with their reasons are in node/runtime/config.ts. */
export interface Timing {
  readonly heartbeatMs: number;
  /** Upper bound of a suspicion, and the hard failure bound (`DS_HEARTBEAT_TIMEOUT`). */
  readonly heartbeatTimeoutMs: number;
  /** Upper bound of every wait in an election (`DS_ELECTION_TIMEOUT`). */
  readonly electionTimeoutMs: number;
  readonly probeIntervalMs: number;
  readonly probeTimeoutMinMs: number;
  readonly suspicionMinMs: number;
  readonly discoveryMs: number;
  readonly okWaitMinMs: number;
  readonly rankDelayMs: number;
  readonly voteRoundMinMs: number;
  readonly nakBackoffMs: number;
  readonly ownLogDoubtMs: number;
  readonly offerTimeoutMs: number;
  readonly retransmitMinMs: number;
  readonly retransmitMaxMs: number;
  readonly retransmitCapMs: number;
}

export interface CoreConfig {
  readonly initialCredits: number;
  /** Fixed for a cluster's life; empty: every coordinator is provisional. */
  readonly voters: readonly NodeId[];
  /** Ids that are expected (`--nodes`): discovery ends early when all have been heard. */
  readonly expected: readonly NodeId[];
  /** Addresses given by `--peers`, `id -> host:port`. */
  readonly peers: ReadonlyMap<NodeId, string>;
  /** Also send every multicast by unicast to all known peers (`--peers`: works without multicast). */
  readonly fanOut: boolean;
  readonly preempt: boolean;
  /** Records are on disk (false: memory only, said so at the start). */
  readonly durable: boolean;
  /** Bytes of JSON that fit one datagram. */
  readonly bodyBytesMax: number;
  /** Records of the recent past that stay in memory, for those who lack a few; older ones are compacted (compaction.ts). */
  readonly keepRecords: number;
  /** Journal what only checkers read (testimony.ts): every delivery, the books as a whole. */
  readonly isDetailed: boolean;
  readonly timing: Timing;
}

export interface Self {
  readonly id: NodeId;
  readonly incarnation: number;
  readonly bootId: string;
  /** Own unicast address as told to others; null: they learn it from packets. */
  readonly address: string | null;
}

/** What the store held at boot. Records in the order in which they were delivered. */
export interface Recovered {
  readonly term: number;
  readonly votedFor: NodeId | null;
  /** Its disk was lost, and it may not vote yet. */
  readonly abstains?: boolean;
  readonly accounts: readonly Genesis[];
  /** Absent: nothing was compacted yet. */
  readonly compacted?: Compacted;
  /** The records that are not compacted. */
  readonly records: readonly TradeRecord[];
  readonly intents: readonly BuyIntent[];
  /** Promises that other nodes' lost disks asked for; one about this node itself: its own disk was lost, and it may not pay yet. */
  readonly fences?: readonly { readonly account: NodeId; readonly at: number }[];
}

/** A buy that was asked for and not yet known to have happened or not: survives the buyer's restart. */
export interface BuyIntent {
  readonly tradeId: string;
  readonly requestId: string | null;
  readonly payer: NodeId;
  readonly payerIncarnation: number;
  readonly amount: number;
}

export type Row =
  | { readonly table: "record"; readonly record: TradeRecord }
  | { readonly table: "account"; readonly account: Genesis }
  /** Replaces the rows of these accounts; all of them in one transaction. */
  | ({ readonly table: "snapshot" } & Compacted)
  | { readonly table: "vote"; readonly term: number; readonly votedFor: NodeId | null; readonly abstains: boolean }
  /** The next boot must use an incarnation above this (JOIN refused as stale). */
  | { readonly table: "incarnation"; readonly atLeast: number }
  | { readonly table: "intent"; readonly intent: BuyIntent; readonly done: boolean }
  /** No debit of the account after number `at` may be delivered before its fence. Null: the fence is there. */
  | { readonly table: "fence"; readonly account: NodeId; readonly at: number | null };

/** Commands of the control channel and the prompt that change something; queries are functions in query.ts. */
export type Command =
  | {
      readonly op: "sell" | "buy";
      readonly requestId: string;
      readonly peer: NodeId;
      readonly amount: number;
      readonly inc: number | null;
      readonly until: "settled" | "accepted";
    }
  | { readonly op: "election"; readonly requestId: string }
  | { readonly op: "recover"; readonly requestId: string; readonly acceptLoss: boolean };

export type CommandResult =
  | { readonly ok: true; readonly data: TradeData | Record<string, unknown>; readonly text: string }
  | {
      readonly ok: false;
      readonly code: RefusalCode;
      readonly definite: boolean;
      readonly message: string;
      readonly tradeId?: string;
    };

export interface Origin {
  /** From the authenticated header. */
  readonly sender: NodeId;
  readonly incarnation: number;
  readonly bootId: string;
  /** `host:port` that the datagram came from. */
  readonly address: string;
}

interface Recalling {
  /** What the store answered to `recallOf` of this input: a record that is no longer in memory. Absent: nothing to ask, or no answer. */
  readonly recalled?: TradeRecord | null;
}

export type Input =
  | { readonly type: "start" }
  | ({ readonly type: "message"; readonly message: Message; readonly from: Origin } & Recalling)
  | ({ readonly type: "command"; readonly command: Command } & Recalling)
  | { readonly type: "tick" }
  | { readonly type: "stored"; readonly writeId: number }
  | { readonly type: "storeFailed"; readonly writeId: number; readonly reason: string }
  /** The process did not run for `frozenMs` (pause, laptop lid): given before anything that queued up meanwhile. */
  | { readonly type: "resumed"; readonly frozenMs: number }
  /** Leave gracefully: ends with an `exit` effect. */
  | { readonly type: "stop" };

interface Deferred {
  /** Held back until this write is durable; discarded if it fails. Absent: at once. */
  readonly afterWrite?: number;
}

export type Effect =
  | ({ readonly type: "multicast"; readonly message: Message; readonly fanOut: readonly string[] } & Deferred)
  | ({ readonly type: "unicast"; readonly to: NodeId; readonly address: string; readonly message: Message } & Deferred)
  | { readonly type: "persist"; readonly writeId: number; readonly rows: readonly Row[] }
  | ({
      readonly type: "reply";
      readonly requestId: string;
      readonly final: boolean;
      readonly result: CommandResult;
    } & Deferred)
  | ({ readonly type: "journal"; readonly event: JournalEvent } & Deferred)
  /** READY was reached for the first time (health file). */
  | { readonly type: "ready" }
  /** End the process: 0 after a graceful leave, 1 otherwise; `reason` is for a person. */
  | ({ readonly type: "exit"; readonly code: number; readonly reason: string } & Deferred);

export type Role = "FOLLOWER" | "CANDIDATE" | "COORDINATOR";

/** How one peer is seen. */
export interface Member {
  readonly id: NodeId;
  address: string | null;
  incarnation: number;
  rinc: number;
  bootId: string | null;
  state: PeerState;
  /** What the peer says of itself; null until heard. */
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
  /** Its debits' number at its boot. */
  bootSeq: number | null;
  /** Records known durable there. */
  durable: Map<NodeId, number>;
  ledgerHash: string | null;
  /** Fences that its ledger has, as it last said. */
  fences: Clock;
  /** What it had delivered when it left; null: not told. */
  leftWith: Clock | null;
  /** LEFT on its own word: nothing more of this incarnation is believed. On hearsay alone it may come back. */
  saidLeave: boolean;
}

export interface NodeState {
  readonly config: CoreConfig;
  /** All true, except in a simulation that asks what happens without one. */
  readonly rules: Rules;
  /** Replaced by one with a higher incarnation when JOIN was refused as stale: seal datagrams with this one. */
  self: Self;
  /** Instant of the running step. */
  nowMs: number;
  phase: Phase;
  /** Own refutation counter. */
  rinc: number;
  readonly random: RandomState;
  readonly timers: TimerTable;
  outbox: Effect[];
  /** The record that the running step's input brought from the store. */
  recalled: TradeRecord | null;
  nextWriteId: number;
  nextMsgId: number;
  readonly members: Map<NodeId, Member>;
  readonly counters: Map<string, number>;
  readonly rumours: RumourQueue;
  readonly detector: DetectorState;
  readonly election: ElectionState;
  readonly join: JoinState;
  readonly ledger: LedgerState;
  readonly causal: CausalState;
  readonly trading: TradingState;
  readonly recovery: RecoveryState;
  readonly beat: BeatState;
  /** Not null while the node leaves. */
  leaving: { readonly startedAtMs: number; announced: number } | null;
}

/** Owned by heartbeat.ts. */
export interface BeatState {
  seq: number;
  lastAtMs: number;
  /** Own debits when this process became READY, so before it made any; null: it may still get some back from others. */
  bootSeq: number | null;
}

export interface RumourQueue {
  readonly items: { rumour: Rumour; sendsLeft: number }[];
}

/** Owned by failure-detector.ts and suspicion code. */
export interface DetectorState {
  pingSeq: number;
  roundRobin: NodeId[];
  readonly probes: Map<number, Probe>;
  readonly suspicions: Map<NodeId, Suspicion>;
  /** Lifeguard's local health, 0 (healthy) to 8: multiplies timeouts. */
  health: number;
  /** Nobody is suspected before this instant (after a freeze). */
  graceUntilMs: number;
  /** Who accuses peers that we don't suspect ourselves (yet). */
  readonly accusers: Map<NodeId, NodeId[]>;
}

export interface Probe {
  readonly target: NodeId;
  readonly sentAtMs: number;
  /** Asked on behalf of this node (PING_REQ); null: for ourselves. */
  readonly forNode: NodeId | null;
  readonly forSeq: number;
  /** `late`: given up, kept to measure the round trip of an answer that comes after all. */
  stage: "direct" | "indirect" | "late";
  helpers: number;
  /** Helpers that answered that they can't reach the target either: so the fault is not ours. */
  nacks: number;
}

export interface Suspicion {
  readonly sinceMs: number;
  readonly incarnation: number;
  readonly rinc: number;
  readonly by: NodeId[];
}

/** Owned by election.ts. */
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
  readonly leadershipsLostAtMs: number[];
  /** When the present coordinator was accepted (or lost). */
  sinceMs: number;
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
}

export interface Candidacy {
  stage: "rank" | "deference" | "waiting" | "storing" | "voting";
  term: number;
  readonly startedAtMs: number;
  readonly votes: NodeId[];
  readonly answers: NodeId[];
  /** The write of the own ballot; null: none under way. */
  writeId: number | null;
  /** A live elected coordinator that an answer named. */
  named: Claim | null;
}

/** Owned by causal-broadcast.ts and the repair modules. */
export interface CausalState {
  readonly holdback: Map<NodeId, Map<number, TradeRecord>>;
  held: number;
  /** Causes of the next own record: the latest records since the last own one. Null: rebuild it from the log (after a boot). */
  frontier: Map<NodeId, Cause> | null;
  /** Records that are known to exist and missing here, by origin. */
  readonly gaps: Map<NodeId, Gap>;
  /** Repairs sent within the last NAK backoff, by `origin/seq`, oldest first. */
  readonly repairs: Map<string, { readonly atMs: number; askers: number }>;
  /** Contradictions seen in the log of an account, by account, since this node started. */
  readonly equivocations: Map<NodeId, number>;
  pull: Pull | null;
  /** A snapshot of another node that is coming in. */
  staged: StagedSnapshot | null;
  /** When parts of the own snapshot were last asked for: it stays as it is for a while. */
  servedAtMs: number | null;
  sync: { readonly target: Map<NodeId, number>; responder: NodeId } | null;
}

/** Owned by snapshot-transfer.ts: complete when it has `total` parts. */
export interface StagedSnapshot {
  readonly of: string;
  readonly total: number;
  readonly parts: Map<number, SnapshotPart>;
}

export interface Cause {
  readonly seq: number;
  /** A credit to this node is among what the record stands for: the money of the next debit may come from it. */
  readonly paysSelf: boolean;
}

export interface Gap {
  upTo: number;
  /** Who advertised it, so has it. */
  via: NodeId;
  attempts: number;
  /** NAKs since a record of this origin was delivered last. */
  asked: number;
}

/** A state transfer in progress: STATE_REQUEST is repeated with the grown vector until the responder has no more. */
export interface Pull {
  responder: NodeId;
  want: "members" | "records" | "both";
  attempts: number;
  /** Accounts and records here when the last request went out: without any growth since, the next one waits for its timer. */
  mark: number;
  /** Who else has named something that was missing meanwhile: asked when this transfer is over. */
  next: NodeId | null;
}

/** Owned by trading.ts. */
export interface TradingState {
  nextTradeSeq: number;
  /** Credits promised to open sell offers: available = balance - reserved. */
  reserved: number;
  readonly pending: Map<string, PendingTrade>;
  /** Pending trades by control request. */
  readonly byRequest: Map<string, string>;
  /** Committed debits that the payee is not known to have on disk, by payee; ascending by number. */
  readonly unacked: Map<NodeId, UnackedQueue>;
  /** Buys that this node, as payer, refused: refused once is refused for ever. */
  readonly refused: Map<NodeId, RefusedWindow>;
  /** Without a disk: up to where buys of each initiator may have been executed and forgotten. */
  readonly forgotten: Map<NodeId, TradeOrder>;
  /** Final refusals by control request, and outcomes of trades that were not executed, oldest first, bounded. */
  readonly answers: Map<string, CommandResult>;
  readonly closed: Map<string, TradeData["state"]>;
  /** Buys whose outcome is lost with their payer's disk: they stay in doubt. */
  readonly unknowable: Set<string>;
  /** Buys in doubt by payer. */
  readonly doubts: Map<NodeId, string[]>;
}

export type TradeStage = "OFFERED" | "COMMITTED" | "REQUESTED" | "IN_DOUBT";

export interface PendingTrade {
  readonly tradeId: string;
  readonly type: "sell" | "buy";
  readonly peer: NodeId;
  /** The peer's boot incarnation when the trade was made; never refreshed. */
  readonly peerIncarnation: number;
  readonly amount: number;
  /** Null: the peer asked (this node is the payer of a buy). */
  readonly requestId: string | null;
  until: "settled" | "accepted";
  /** The final reply has been given. */
  answered: boolean;
  stage: TradeStage;
  attempts: number;
  /** The debit's number once committed. */
  seq: number | null;
  /** Write that makes the present stage durable; null: nothing to wait for, or done. */
  writeId: number | null;
  text: string;
}

export interface UnackedQueue {
  readonly entries: Map<number, { readonly tradeId: string; sentAtMs: number }>;
  attempts: number;
}

export interface RefusedWindow {
  readonly reasons: Map<string, string>;
  /** Trades of the initiator up to this one are refused without being remembered one by one. */
  floor: TradeOrder;
}

/** The order in which an initiator makes its trades: (incarnation, number). */
export type TradeOrder = readonly [incarnation: number, seq: number];
