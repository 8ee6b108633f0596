/**
 * The contract of the pure core: its configuration, its inputs and its effects.
 *
 *   create(config, self, seed, recovered?, rules?) -> NodeState
 *   step(state, input, nowMs)              -> readonly Effect[]
 *   nextDeadlineMs(state)                  -> number | null
 *
 * `step` is synchronous and deterministic: the clock is an argument, randomness a generator inside the state, the disk a request
 * (`persist`) that comes back as an input (`stored`). Same seed and same inputs give the same effects, byte for byte. The state is
 * plain data (`structuredClone` works). `nowMs` is a monotonic clock in milliseconds; it never goes back. Extra ticks are no-ops.
 */

import type { RefusalCode, TradeData } from "../../wire/control.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { JournalEvent } from "../../wire/journal.ts";
import type { Message, TradeRecord } from "../../wire/message.ts";
import type { Row } from "./rows.ts";

/** Every span of the protocol in milliseconds; the presets, with their reasons, are in timing.ts. */
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
  /** Records are on disk. False: memory only. */
  readonly durable: boolean;
  /** Bytes of JSON that fit one datagram. */
  readonly bodyBytesMax: number;
  /** Records of the recent past that stay in memory, for those who lack a few; older ones are compacted (compaction.ts). */
  readonly keepRecords: number;
  /** Also journal the lines that only checkers read (testimony.ts): every delivery, and all balances at times. */
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
  /** The store's answer to `recallOf` of this input: a record that is no longer in memory. Absent: no question, or no answer. */
  readonly recalled?: TradeRecord | null;
}

export type Input =
  | { readonly type: "start" }
  | ({ readonly type: "message"; readonly message: Message; readonly from: Origin } & Recalling)
  | ({ readonly type: "command"; readonly command: Command } & Recalling)
  /**
   * An authentic datagram was dropped: its packet number was seen before, and it came from elsewhere; or the number is too far from
   * those that were seen.
   */
  | { readonly type: "dropped"; readonly from: Origin; readonly reason: "seen" | "far" }
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
  | ({
      readonly type: "unicast";
      readonly to: NodeId;
      /** Of the process that it is for; null: any, for introductions alone. */
      readonly bootId: string | null;
      readonly address: string;
      readonly message: Message;
    } & Deferred)
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
