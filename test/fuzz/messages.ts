/**
 * Any valid message, from bytes: every type, ids of a small group and of nobody, numbers that are near, far and at their bounds; and
 * often enough records that fit a log, so that more than the refusals is reached.
 */
import { ledgerHash, recordHash } from "../../node/core/ledger/ledger.ts";
import type { NodeState } from "../../node/core/state.ts";
import { INCARNATION_MAX, RINC_MAX, TERM_MAX } from "../../node/wire/ids.ts";
import {
  type Genesis,
  JOIN_REFUSALS,
  MESSAGE_TYPES,
  type Message,
  type MessageType,
  PeerState,
  Phase,
  type Rumour,
  type TradeRecord,
} from "../../node/wire/message.ts";
import type { ByteSource } from "./byte-source.ts";

const SEQ_MAX = 2 ** 48;
const IDS = [1, 2, 3, 4, 9, 300, 65_535] as const;

export function idFrom(source: ByteSource): number {
  return source.pick(IDS);
}

/** A message of any type by `sender`; `state` is the receiver, whose numbers make some of it plausible. */
export function messageFrom(source: ByteSource, sender: number, state: NodeState): Message {
  const type = source.pick(MESSAGE_TYPES);
  const payload = makers[type](source, sender, state);
  const vector = type === "TRADE_CONFIRM" && source.bool() ? clockFrom(source, state) : null;
  return {
    message_type: type,
    sender_id: sender,
    sender_priority: sender,
    vector_clock: vector,
    payload,
    timestamp: 0,
  } as unknown as Message;
}

type Maker = (source: ByteSource, sender: number, state: NodeState) => unknown;

const proto = (source: ByteSource) =>
  source.pick([
    { min: 2, max: 2 },
    { min: 1, max: 9 },
    { min: 1, max: 1 },
  ]);
const small = (source: ByteSource) => source.below(8);
const seq = (source: ByteSource) => source.pick([small(source), small(source), source.byte(), SEQ_MAX - 1, SEQ_MAX]);
const rinc = (source: ByteSource) => source.pick([0, small(source), 70_000, RINC_MAX]);
const incarnation = (source: ByteSource) => source.pick([1, small(source), 70_000, INCARNATION_MAX]);
const term = (source: ByteSource) => source.pick([small(source), source.byte(), 1_000, TERM_MAX - 1, TERM_MAX]);
const address = (source: ByteSource) => `10.0.0.${source.below(6)}:${6_000 + source.below(6)}`;
const tradeId = (source: ByteSource) =>
  source.bool() ? `${idFrom(source)}-${idFrom(source)}-1.${small(source)}` : source.pick(["x", "1-2-0.0", "9-9-9.9"]);

function claim(source: ByteSource) {
  return { coordinator_id: source.pick([null, ...IDS]), term: term(source), elected: source.bool() };
}

function clockFrom(source: ByteSource, state: NodeState): Map<number, number> {
  if (source.bool()) return new Map(state.ledger.clock);
  return new Map(source.list(6, () => [idFrom(source), seq(source)] as const).sort(([a], [b]) => a - b));
}

function genesisFrom(source: ByteSource): Genesis {
  const id = idFrom(source);
  const usual = { id, epoch: 1, nonce: id.toString(16).padStart(16, "0"), initial: 100 };
  return source.bool() ? usual : { ...usual, nonce: source.hex64(), initial: source.pick([0, 100, 2 ** 40]) };
}

function rumourFrom(source: ByteSource): Rumour {
  return {
    of: idFrom(source),
    state: source.pick(PeerState.options),
    inc: incarnation(source),
    rinc: rinc(source),
    by: idFrom(source),
  };
}

/** A record that fits its log, or one that is wrong in some way. */
function recordFrom(source: ByteSource, state: NodeState): TradeRecord {
  const seller = idFrom(source);
  const account = state.ledger.accounts.get(seller);
  const buyer = source.bool() ? idFrom(source) : seller === 1 ? 2 : 1;
  const next = (account?.records.length ?? 0) + 1;
  const number = source.pick([next, next, next, next + 1, Math.max(1, next - 1), Math.max(1, seq(source))]);
  const last = account?.records.at(-1);
  const fits = source.below(4) !== 3;
  return {
    trade_id: fits ? `${seller}-${buyer}-1.${number}` : tradeId(source),
    buyer_id: buyer,
    seller_id: seller,
    amount: source.pick([1, small(source), 1_000, 2 ** 40]),
    seq: number,
    deps: fits ? new Map([[seller, number]]) : clockFrom(source, state),
    prev_hash: fits ? (account?.lastHash ?? "0".repeat(16)) : last === undefined ? source.hex64() : recordHash(last),
    ...(source.bool() ? {} : { request_id: `r${small(source)}` }),
  };
}

const makers: Readonly<Record<MessageType, Maker>> = {
  HEARTBEAT: (source, _sender, state) => ({
    credits: source.pick([0, 100, 2 ** 52]),
    ...claim(source),
    rinc: rinc(source),
    phase: source.pick(Phase.options),
    hb_seq: small(source),
    digest: clockFrom(source, state),
    ledger_hash: source.hex64(),
    boot_seq: seq(source),
    voters_hash: source.hex64(),
    proto: proto(source),
    rumours: source.list(4, () => rumourFrom(source)),
    ...(source.bool() ? { fences: clockFrom(source, state) } : {}),
  }),
  JOIN: (source) => ({
    msg_id: "m",
    boot_id: source.hex64(),
    nonce: source.hex64(),
    proto: proto(source),
    account: source.bool() ? null : genesisFrom(source),
    have_hash: source.hex64(),
  }),
  JOIN_RESPONSE: (source, _sender, state) => ({
    msg_id: "m",
    nonce: source.bool() ? state.join.nonce || "0".repeat(16) : source.hex64(),
    ...claim(source),
    known_nodes: clockFrom(source, state),
    clock_state: clockFrom(source, state),
    account: source.bool() ? null : genesisFrom(source),
    phase: source.pick(Phase.options),
    proto: proto(source),
    ...(source.bool() ? {} : { refused: source.pick(JOIN_REFUSALS) }),
    ...(source.bool() ? {} : { known_inc: incarnation(source) }),
    ...(source.bool() ? {} : { known_addr: address(source), your_addr: address(source) }),
    ...(source.bool() ? {} : { seen_term: term(source) }),
    ...(source.bool() ? {} : { fences: clockFrom(source, state) }),
  }),
  LEAVE: (source, _sender, state) => ({
    msg_id: "m",
    ...(source.bool() ? { clock: clockFrom(source, state) } : { ledger_hash: ledgerHash(state) }),
  }),
  ELECTION: (source) => ({
    kind: source.pick(["alive", "vote"] as const),
    term: term(source),
    patience: small(source),
  }),
  OK: (source, _sender, state) => ({
    kind: source.pick(["alive", "vote"] as const),
    granted: source.bool(),
    candidate: source.bool() ? state.self.id : idFrom(source),
    round_term: term(source),
    seen_term: term(source),
    ...claim(source),
  }),
  COORDINATOR: (source) => ({ msg_id: "m", ...claim(source) }),
  TRADE_REQUEST: (source, sender, state) => ({
    target_id: source.bool() ? state.self.id : idFrom(source),
    amount: source.pick([1, small(source) + 1, 2 ** 40]),
    trade_type: source.pick(["buy", "sell"] as const),
    trade_id: source.bool() ? `${sender}-${state.self.id}-1.${small(source)}` : tradeId(source),
    to_inc: source.bool() ? state.self.incarnation : incarnation(source),
    ...(source.bool() ? {} : { request_id: `r${small(source)}` }),
  }),
  TRADE_RESPONSE: (source, sender, state) => ({
    trade_id: source.bool() ? pendingWith(sender, state) : tradeId(source),
    accepted: source.bool(),
    ...(source.bool() ? {} : { reason: source.pick(["STALE", "EXPIRED", "Insufficient credits", "no"]) }),
  }),
  TRADE_CONFIRM: (source, _sender, state) => ({ success: true, ...recordFrom(source, state) }),
  ACK: (source) => ({ origin: idFrom(source), seq: seq(source) }),
  NAK: (source) => ({
    ranges: [
      { origin: idFrom(source), from: seq(source), to: seq(source) },
      ...source.list(4, () => ({ origin: idFrom(source), from: seq(source), to: seq(source) })),
    ],
  }),
  STATE_REQUEST: (source, _sender, state) => ({
    have: clockFrom(source, state),
    want: source.pick(["members", "records", "both"] as const),
    after: source.bool() ? 0 : idFrom(source),
    up_to: source.bool() ? 65_535 : idFrom(source),
  }),
  STATE_CHUNK: (source, _sender, state) => ({
    index: small(source),
    next: source.bool() ? null : idFrom(source),
    last: source.bool(),
    members: source.list(3, () => ({
      id: idFrom(source),
      inc: incarnation(source),
      rinc: rinc(source),
      state: source.pick(PeerState.options),
      addr: source.bool() ? null : address(source),
    })),
    accounts: source.list(3, () => genesisFrom(source)),
    records: source.list(3, () => recordFrom(source, state)),
  }),
  PING: (source) => ({ nonce: source.hex64(), rumours: source.list(4, () => rumourFrom(source)) }),
  PING_REQ: (source) => ({ nonce: source.hex64(), target: idFrom(source), target_addr: address(source) }),
  PONG: (source, sender, state) => ({
    nonce: source.bool() ? awaitedFrom(sender, state) : source.hex64(),
    target: idFrom(source),
    ok: source.bool(),
    rumours: source.list(4, () => rumourFrom(source)),
  }),
  HASHES: (source) => ({
    rows: source.list(4, () => ({ id: idFrom(source), seq: seq(source), hash: source.hex64(), fenced: seq(source) })),
    answer: source.bool(),
  }),
  FENCE_REQUEST: (source) => ({
    stage: source.pick(["ask", "promise"] as const),
    at: seq(source),
    accept_loss: source.bool(),
  }),
  FENCE_RESPONSE: (source, _sender, state) => ({
    at: seq(source),
    accept_loss: source.bool(),
    have: seq(source),
    ...(source.bool() ? { next: source.bool() } : {}),
    promised: source.bool(),
    phase: source.pick(Phase.options),
    absent: clockFrom(source, state),
  }),
};

/** The nonce of a question that is open, often enough one to the sender. */
function awaitedFrom(sender: number, state: NodeState): string {
  const asked = [...state.detector.probes].find(([, { target }]) => target === sender)?.[0];
  return asked ?? state.addresses.challenges.get(sender)?.nonce ?? "0".repeat(16);
}

function pendingWith(sender: number, state: NodeState): string {
  for (const trade of state.trading.pending.values()) if (trade.peer === sender) return trade.tradeId;
  return "none";
}
