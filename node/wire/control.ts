/**
 * The control channel: what the lab asks a node, and what the node answers, over the node's unicast UDP port.
 *
 * Datagrams use the peers' envelope with the control flag, authenticated by the control token. A request is repeated (same
 * `request_id`) until its final reply arrives; the node executes it at most once, across its own restarts too for trades
 * (node/protocol/control.md). A reply longer than one datagram is cut into pages that the client fetches by number.
 */
import * as z from "zod";
import { Amount, Hex64, MEMBERS_MAX, NodeId, RequestId, TradeId } from "./ids.ts";
import { PeerState, Phase } from "./message.ts";

/** Characters of result text in one page: leaves room for envelope, frame and JSON escapes in 1200 B. */
export const PAGE_CHARS = 480;

/** How one receiver treats what arrives from one source. All chances are fractions 0 to 1. `cut` drops everything. */
export const Impairment = z.object({
  cut: z.boolean().default(false),
  delayMs: z.number().min(0).max(60_000).default(0),
  jitterMs: z.number().min(0).max(60_000).default(0),
  loss: z.number().min(0).max(1).default(0),
  duplicate: z.number().min(0).max(1).default(0),
  reorder: z.number().min(0).max(1).default(0),
  /** Bits a second; 0: no limit. */
  rateBps: z.number().min(0).max(10_000_000_000).default(0),
});
export type Impairment = z.infer<typeof Impairment>;

/** One receive-side rule: packets from node `source` (null: every peer) until `untilMs` (wall clock; null: until healed). */
export const ImpairmentRule = z.object({
  id: z.string().max(40),
  source: NodeId.nullable(),
  impairment: Impairment,
  untilMs: z.number().nullable(),
});
/** Two for each node of the largest group: it may be cut off and its link bad. */
export const IMPAIRMENT_RULES_MAX = 2 * MEMBERS_MAX;
export type ImpairmentRule = z.infer<typeof ImpairmentRule>;

/** All rules of a node, as it and the lab write them to its disk. A later list has a greater generation. */
export const ImpairmentSet = z.object({
  generation: z.int().min(0),
  rules: z.array(ImpairmentRule).max(IMPAIRMENT_RULES_MAX),
});
export type ImpairmentSet = z.infer<typeof ImpairmentSet>;

const Trade = {
  peer: NodeId,
  amount: Amount,
  /** Incarnation of the node that the client talks to: a restarted node answers STALE instead of trading twice. */
  inc: z.int().min(0).optional(),
  /** Final reply when both ends have it on disk (`settled`), or as soon as the node took it up (`accepted`). */
  until: z.enum(["settled", "accepted"]).default("settled"),
};

/**
 * `boot`: the process that is meant, by the boot id in the header of its replies. A command that changes something and isn't recognised by the
 * next process when it is repeated must name it, or a recording could be played back after a restart.
 */
const Bound = { boot: Hex64.optional() };
export const BOUND_OPS: readonly string[] = ["election", "leave", "recover"];

export const ControlRequest = z.discriminatedUnion("op", [
  /** Small and cheap: identity, role, coordinator, balance. `agree` is computed from it. */
  z.object({ op: z.literal("ping"), request_id: RequestId }),
  z.object({ op: z.literal("state"), request_id: RequestId }),
  z.object({ op: z.literal("status"), request_id: RequestId }),
  z.object({ op: z.literal("balance"), request_id: RequestId }),
  z.object({ op: z.literal("nodes"), request_id: RequestId }),
  z.object({ op: z.literal("help"), request_id: RequestId }),
  z.object({
    op: z.literal("history"),
    request_id: RequestId,
    /** Number of the oldest entry to return, 0 first, and how many. */
    offset: z.int().min(0).default(0),
    limit: z.int().min(1).max(1000).default(200),
  }),
  z.object({ op: z.literal("sell"), request_id: RequestId, ...Trade }),
  z.object({ op: z.literal("buy"), request_id: RequestId, ...Trade }),
  z.object({ op: z.literal("trade"), request_id: RequestId, trade_id: TradeId }),
  z.object({ op: z.literal("election"), request_id: RequestId, ...Bound }),
  z.object({ op: z.literal("leave"), request_id: RequestId, ...Bound }),
  /** Asks what a node that lost its disk waits for; with `accept_loss` it goes on without the debits that absent nodes may hold. */
  z.object({ op: z.literal("recover"), request_id: RequestId, ...Bound, accept_loss: z.boolean().default(false) }),
  /** Replaces the node's whole list of receive-side rules (desired state, so a repetition is harmless). */
  z.object({
    op: z.literal("impair"),
    request_id: RequestId,
    generation: z.int().min(0),
    /** Generations that the node may have, beside none and this one; absent: any older one. A node that has another refuses: STALE. */
    follows: z.array(z.int().min(0)).max(8).optional(),
    rules: z.array(ImpairmentRule).max(IMPAIRMENT_RULES_MAX),
    part: z.int().min(0).default(0),
    parts: z.int().min(1).max(IMPAIRMENT_RULES_MAX).default(1),
  }),
  /** Fetches page `page` of an earlier reply. */
  z.object({ op: z.literal("page"), request_id: RequestId, of: RequestId, page: z.int().min(0) }),
]);
export type ControlRequest = z.infer<typeof ControlRequest>;

/** Why a command was refused. The reply says with `definite` whether it certainly did not and never will happen. */
export const RefusalCode = z.enum([
  "BAD_REQUEST",
  "UNKNOWN_COMMAND",
  "SELF_TRADE",
  "UNKNOWN_NODE",
  "NODE_LEFT",
  "NODE_FAILED",
  "INSUFFICIENT_CREDITS",
  "REJECTED",
  "STALE",
  "EXPIRED",
  "NOT_READY",
  "IN_DOUBT",
  "NOT_RECOVERING",
  "NO_QUORUM",
  "UNANSWERED",
  "STORAGE",
  "BUSY",
  "NO_SUCH_PAGE",
  "UNAUTHORISED",
]);
export type RefusalCode = z.infer<typeof RefusalCode>;

/** One datagram of an answer. `body` is a slice of the JSON text of the result (or of the refusal). */
export const ControlReply = z.object({
  request_id: RequestId,
  /** False: taken up, still working (the client stops fearing loss and goes on waiting). */
  final: z.boolean(),
  page: z.int().min(0),
  pages: z.int().min(1),
  body: z.string(),
});
export type ControlReply = z.infer<typeof ControlReply>;

/** The JSON that the pages make up. */
export type ControlResult =
  | { ok: true; data: unknown; text?: string }
  | { ok: false; code: RefusalCode; definite: boolean; message: string; trade_id?: string };

export const PingData = z.object({
  id: NodeId,
  inc: z.int(),
  phase: Phase,
  role: z.enum(["FOLLOWER", "CANDIDATE", "COORDINATOR"]),
  coordinator: NodeId.nullable(),
  term: z.int(),
  elected: z.boolean(),
  preempt: z.boolean(),
  balance: z.int(),
  ledger_hash: z.string(),
  holdback: z.int(),
  pending: z.int(),
  /** For whom a node waits that has no usable account, lost its disk, or abstains from votes; absent: for nobody. */
  waits: z.string().optional(),
});
export type PingData = z.infer<typeof PingData>;

export const MemberData = z.object({
  id: NodeId,
  state: PeerState,
  inc: z.int(),
  rinc: z.int(),
  address: z.string().nullable(),
  address_proven: z.boolean(),
  phase: Phase.nullable(),
  silent_ms: z.number().nullable(),
  srtt_ms: z.number().nullable(),
});

/** The members that a node with a lost disk waits for (`id` null: voters), and those that may hold debits that nobody else has. */
export const RecoveryData = z.object({
  state: z.string(),
  /** Number of the last own debit that is known. */
  at: z.int(),
  balance: z.int(),
  waiting_for: z.array(z.object({ id: NodeId.nullable(), why: z.string() })),
  at_risk: z.array(NodeId),
});
export type RecoveryData = z.infer<typeof RecoveryData>;

export const StateData = PingData.extend({
  boot_id: z.string(),
  auth: z.enum(["open", "keyed"]),
  /** Ids of the cluster keys that this node opens datagrams with; it seals with the first. */
  keys: z.array(z.int()),
  durable: z.boolean(),
  profile: z.string(),
  uptime_ms: z.number(),
  members: z.array(MemberData),
  clock: z.record(z.string(), z.int()),
  balances: z.record(z.string(), z.int()),
  reserved: z.int(),
  pending_trades: z.array(
    z.object({ trade_id: z.string(), type: z.enum(["sell", "buy"]), peer: NodeId, amount: z.int(), state: z.string() }),
  ),
  /** Accounts in whose log this node has seen contradictions since it started, and how many. */
  equivocations: z.array(z.object({ account: NodeId, count: z.int() })),
  voters: z.array(NodeId),
  /** Only while this node makes good the loss of its disk. */
  recovery: RecoveryData.optional(),
  /** Debits of lost disks that turned up later: given up, never applied. */
  lost_records: z.array(z.object({ trade_id: z.string(), from: NodeId, to: NodeId, amount: z.int(), seq: z.int() })),
  counters: z.record(z.string(), z.number()),
  impairments: z.array(ImpairmentRule),
  impair_generation: z.int(),
  rss_bytes: z.number(),
});
export type StateData = z.infer<typeof StateData>;

export const HistoryEntry = z.object({
  trade_id: z.string(),
  from: NodeId,
  to: NodeId,
  amount: z.int(),
  seq: z.int(),
  request_id: z.string().nullable(),
});
export const HistoryData = z.object({ total: z.int(), offset: z.int(), entries: z.array(HistoryEntry) });
export type HistoryData = z.infer<typeof HistoryData>;

/** Result of a trade: `settled` (both disks), `accepted` (taken up), `committed` (payer's disk only). */
export const TradeData = z.object({
  trade_id: z.string(),
  state: z.enum(["accepted", "committed", "settled", "rejected", "expired", "in_doubt", "unknown"]),
  balance: z.int(),
});
export type TradeData = z.infer<typeof TradeData>;
