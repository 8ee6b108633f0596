/**
 * Every datagram that peers exchange: the zod schemas are the single source of the types.
 *
 * The frame `{message_type, sender_id, sender_priority, vector_clock, payload, timestamp}` and the first fields of each payload
 * are those of the original Python project; node/protocol/messages.md has the catalogue with the meaning and reliability of each type.
 * Unknown fields are ignored (newer peers may add some); unknown types are counted and dropped.
 */
import * as z from "zod";
import { ClockField } from "./clock.ts";
import {
  Address,
  AMOUNT_MAX,
  Amount,
  Credits,
  Hex64,
  Incarnation,
  InitialCredits,
  NodeId,
  RequestId,
  Rinc,
  Seq,
  Term,
  TradeId,
} from "./ids.ts";
import { TotalsField } from "./totals.ts";

/** The phase of a node's life. Trades are made only in READY (node/protocol/membership.md#a-nodes-phases). */
export const Phase = z.enum(["JOINING", "SYNCING", "READY", "LEAVING", "RECOVERING", "CONFLICT", "HALTED"]);
export type Phase = z.infer<typeof Phase>;

/** How a peer is seen. UNKNOWN: named by --nodes or --peers, never heard. */
export const PeerState = z.enum(["UNKNOWN", "ALIVE", "SUSPECTED", "FAILED", "LEFT"]);
export type PeerState = z.infer<typeof PeerState>;

/** One sentence of gossip: `of` is in `state` as of its (inc, rinc). A higher pair wins; for equal pairs the later state wins. */
export const Rumour = z.object({
  of: NodeId,
  state: PeerState,
  inc: Incarnation,
  rinc: Rinc,
  by: NodeId,
});
export type Rumour = z.infer<typeof Rumour>;

/** The coordinator that the sender follows. Claims are ordered by (elected, term, coordinator_id). */
export const Claim = z.object({ coordinator_id: NodeId.nullable(), term: Term, elected: z.boolean() });
export type Claim = z.infer<typeof Claim>;

/** An account's record 0 (node/protocol/joining.md#a-new-account): who minted how much, once, under a random nonce. */
export const Genesis = z.object({
  id: NodeId,
  epoch: z.int().min(0).max(65_535),
  nonce: Hex64,
  initial: InitialCredits,
  /** Room for the owner's public key (Ed25519): no node sets or checks one yet, but each keeps it, and the account's hash covers it. */
  key: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
export type Genesis = z.infer<typeof Genesis>;

/**
 * One debit: number `seq` of `seller_id`'s log. `deps` are the records that it causally follows, its own number included. A payment of
 * nothing to oneself is a fence: the account's owner lost its disk, and what it had written from this number on doesn't count.
 */
export const TradeRecord = z.object({
  trade_id: TradeId,
  buyer_id: NodeId,
  seller_id: NodeId,
  amount: z.int().min(0).max(AMOUNT_MAX),
  seq: Seq.min(1),
  deps: ClockField,
  prev_hash: Hex64,
  request_id: RequestId.optional(),
});
export type TradeRecord = z.infer<typeof TradeRecord>;

/**
 * Debits 1 to `seq` of account `id` in one line: the chain hash after them, the last fence among them, and what they paid to some of
 * the payees; `named`: the highest incarnation in which each of these, or the account's owner, asked for one of the trades.
 */
export const SnapshotPart = z.object({
  id: NodeId,
  seq: Seq.min(1),
  hash: Hex64,
  fenced: Seq,
  paid: TotalsField,
  named: ClockField,
});
export type SnapshotPart = z.infer<typeof SnapshotPart>;

/** The most parts of a snapshot: 1,000 accounts that all paid each other. */
const SNAPSHOT_PARTS_MAX = 42_000;

/** One row of the member table, as state transfer carries it. */
export const MemberRow = z.object({
  id: NodeId,
  inc: Incarnation,
  rinc: Rinc,
  state: PeerState,
  addr: Address.nullable(),
});
export type MemberRow = z.infer<typeof MemberRow>;

/** Why a JOIN is refused. */
export const JOIN_REFUSALS = ["STALE_INC", "DUPLICATE_ID", "PROTOCOL", "FULL", "ACCOUNT_CONFLICT"] as const;

const MsgId = z.string().min(1).max(48);
const Proto = z.object({ min: z.int().min(1).max(255), max: z.int().min(1).max(255) });
const Patience = z.int().min(0).max(1000);

const payloads = {
  HEARTBEAT: z.object({
    credits: Credits,
    ...Claim.shape,
    rinc: Rinc,
    phase: Phase,
    hb_seq: z.int().min(0),
    /** Rows of the sender's durable vector: all of them, or the changed ones and a rotating window. */
    digest: ClockField,
    /** Fingerprint of the whole durable ledger: equal hashes end the comparison. */
    ledger_hash: Hex64,
    /** Number of the sender's last debit when this incarnation began: an older incarnation made no later ones. */
    boot_seq: Seq,
    voters_hash: Hex64,
    proto: Proto,
    /** Accounts whose owner lost its disk: the number of the last fence in each log. Absent: there are none. */
    fences: ClockField.optional(),
    rumours: z.array(Rumour).max(8),
  }),
  JOIN: z.object({
    msg_id: MsgId,
    boot_id: Hex64,
    nonce: Hex64,
    proto: Proto,
    /** The account of the joiner if it has one in its store; null asks whether its account is known. */
    account: Genesis.nullable(),
    have_hash: Hex64,
  }),
  JOIN_RESPONSE: z.object({
    msg_id: MsgId,
    nonce: Hex64,
    ...Claim.shape,
    /** Ids that the responder knows, as the keys of a clock whose counters are 0. */
    known_nodes: ClockField,
    /** The responder's durable vector: the joiner is synchronised when it covers this. `more`: not all of its rows had room. */
    clock_state: ClockField,
    more: z.literal(true).optional(),
    /** The joiner's own account as the responder knows it; null: unknown to it. */
    account: Genesis.nullable(),
    phase: Phase,
    proto: Proto,
    fences: ClockField.optional(),
    refused: z.enum(JOIN_REFUSALS).optional(),
    known_inc: Incarnation.optional(),
    known_addr: Address.optional(),
    your_addr: Address.optional(),
    /** Highest term that a voter has seen: a voter that lost its disk adopts it before it votes again. */
    seen_term: Term.optional(),
  }),
  /**
   * `clock`: everything that the leaver has delivered, and it takes nothing more; `ledger_hash` in its place if it is too long for a
   * datagram.
   */
  LEAVE: z.object({ msg_id: MsgId, clock: ClockField.optional(), ledger_hash: Hex64.optional() }),
  ELECTION: z.object({ kind: z.enum(["alive", "vote"]), term: Term, patience: Patience }),
  /** `candidate` and `round_term` name what was asked; `seen_term` is the highest term that the voter has seen. */
  OK: z.object({
    kind: z.enum(["alive", "vote"]),
    granted: z.boolean(),
    candidate: NodeId,
    round_term: Term,
    seen_term: Term,
    ...Claim.shape,
  }),
  COORDINATOR: z.object({ msg_id: MsgId, ...Claim.shape }),
  TRADE_REQUEST: z.object({
    target_id: NodeId,
    amount: Amount,
    trade_type: z.enum(["buy", "sell"]),
    trade_id: TradeId,
    /** Incarnation of the payer (buy) or payee (sell) when the trade was created; never refreshed on a retransmission. */
    to_inc: Incarnation,
    request_id: RequestId.optional(),
  }),
  TRADE_RESPONSE: z.object({
    trade_id: TradeId,
    accepted: z.boolean(),
    reason: z.string().max(120).optional(),
    /** From a buyer that gives up: the payer's incarnation when the trade was made. */
    to_inc: Incarnation.optional(),
  }),
  TRADE_CONFIRM: z.object({ success: z.literal(true), ...TradeRecord.shape }),
  ACK: z.object({ origin: NodeId, seq: Seq }),
  NAK: z.object({
    ranges: z
      .array(z.object({ origin: NodeId, from: Seq, to: Seq }))
      .min(1)
      .max(16),
  }),
  /** From a node that lost its disk: how much of its log is known (`ask`); hold everything after `at` back (`promise`). */
  FENCE_REQUEST: z.object({ stage: z.enum(["ask", "promise"]), at: Seq, accept_loss: z.boolean() }),
  /**
   * `have`: the highest debit of the asker that was seen here. `next`: debit `at` + 1 is among them; without that one, nothing later
   * can be delivered (older nodes don't say). `promised`: nothing after `at` is delivered here before its fence, on disk. `absent`: ids
   * that don't take part, 1 for those that left and whose LEAVE is covered by the ledger here, else 0.
   */
  FENCE_RESPONSE: z.object({
    at: Seq,
    accept_loss: z.boolean(),
    have: Seq,
    next: z.boolean().optional(),
    promised: z.boolean(),
    phase: Phase,
    absent: ClockField,
  }),
  /**
   * From a node with an equal vector and another ledger: chain hashes of its accounts after debit `seq`, and the last fence among these.
   * `answer`: the receiver asked, and these are the ones that differ.
   */
  HASHES: z.object({
    rows: z.array(z.object({ id: NodeId, seq: Seq, hash: Hex64, fenced: Seq })).max(16),
    answer: z.boolean(),
  }),
  /** `have` are the asker's rows of the accounts `after` < id <= `up_to`, and only those are asked for. */
  STATE_REQUEST: z.object({
    have: ClockField,
    want: z.enum(["members", "records", "both"]),
    after: z.int().min(0).max(65_535),
    up_to: NodeId,
    /** The snapshot that is being collected, and the first of its parts that is missing. */
    snapshot: z.object({ of: Hex64, from: z.int().min(0).max(SNAPSHOT_PARTS_MAX) }).optional(),
  }),
  STATE_CHUNK: z.object({
    index: z.int().min(0).max(255),
    /** In the last chunk: ask again with the new vector, for the accounts behind this one; null: that was all. */
    next: z.int().min(0).max(65_535).nullable(),
    last: z.boolean(),
    members: z.array(MemberRow).max(32),
    accounts: z.array(Genesis).max(32),
    records: z.array(TradeRecord).max(32),
    /** Parts `first` and following, of `total`, of the snapshot whose vector hashes to `of`. */
    snapshot: z
      .object({
        of: Hex64,
        total: z.int().min(1).max(SNAPSHOT_PARTS_MAX),
        first: z.int().min(0).max(SNAPSHOT_PARTS_MAX),
        parts: z.array(SnapshotPart).min(1).max(32),
      })
      .optional(),
  }),
  /** PONG has the nonce of the PING or PING_REQ that it answers. */
  PING: z.object({ nonce: Hex64, rumours: z.array(Rumour).max(8) }),
  PING_REQ: z.object({ nonce: Hex64, target: NodeId, target_addr: Address }),
  PONG: z.object({ nonce: Hex64, target: NodeId, ok: z.boolean(), rumours: z.array(Rumour).max(8) }),
} as const;

export type MessageType = keyof typeof payloads;
export const MESSAGE_TYPES = Object.keys(payloads) as readonly MessageType[];
/** Types that go to everybody. All others are for one process, or their bytes would be as good elsewhere, and again after a restart. */
export const GROUP_TYPES: ReadonlySet<MessageType> = new Set<MessageType>([
  "HEARTBEAT",
  "JOIN",
  "LEAVE",
  "COORDINATOR",
  "TRADE_CONFIRM",
]);
/**
 * Types that may go to a node whose process isn't known: its answer makes it known. A copy of them does nothing but cause another answer, which
 * goes to the process that asked and has its nonce.
 */
export const INTRODUCTION_TYPES: ReadonlySet<MessageType> = new Set<MessageType>(["JOIN", "PING"]);
export type Payload<T extends MessageType> = z.infer<(typeof payloads)[T]>;

function frame<T extends MessageType>(type: T) {
  return z.object({
    message_type: z.literal(type),
    sender_id: NodeId,
    sender_priority: NodeId,
    /** Heartbeats, probes and elections are not events of the causal order: null (original, challenge 1). */
    vector_clock: ClockField.nullable(),
    payload: payloads[type],
    /** Wall-clock milliseconds at the sender: for people, never used by the protocol. */
    timestamp: z.number().min(0),
  });
}

export const Message = z.discriminatedUnion("message_type", [
  frame("HEARTBEAT"),
  frame("JOIN"),
  frame("JOIN_RESPONSE"),
  frame("LEAVE"),
  frame("ELECTION"),
  frame("OK"),
  frame("COORDINATOR"),
  frame("TRADE_REQUEST"),
  frame("TRADE_RESPONSE"),
  frame("TRADE_CONFIRM"),
  frame("ACK"),
  frame("NAK"),
  frame("FENCE_REQUEST"),
  frame("FENCE_RESPONSE"),
  frame("HASHES"),
  frame("STATE_REQUEST"),
  frame("STATE_CHUNK"),
  frame("PING"),
  frame("PING_REQ"),
  frame("PONG"),
]);
export type Message = z.infer<typeof Message>;
export type MessageOf<T extends MessageType> = Extract<Message, { message_type: T }>;
