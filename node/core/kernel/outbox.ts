/**
 * How the modules of the core produce effects: each call adds one to the running step's list.
 */

import type { Clock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { JournalEvent } from "../../wire/journal.ts";
import type { Message, MessageType, Payload } from "../../wire/message.ts";
import type { NodeState } from "../state.ts";
import type { Row } from "./rows.ts";
import type { CommandResult, Origin } from "./types.ts";

interface SendOptions {
  /** The causal vector, for messages that take part in the causal order. */
  readonly clock?: Clock;
  /** Hold the effect until this write is durable. */
  readonly afterWrite?: number | undefined;
}

/** Of what waits for one peer's proof. */
const HELD_MAX = 16;

/** A message that waits until its receiver's address is proven and its process known (membership/address-proof.ts). */
export interface Held {
  readonly message: Message;
  readonly afterWrite?: number;
}

/** Where a process is; `bootId` null: whichever process of the node is there. */
export interface Place {
  readonly id: NodeId;
  readonly bootId: string | null;
  readonly address: string;
}

export function placeOf({ sender, bootId, address }: Origin): Place {
  return { id: sender, bootId, address };
}

/**
 * Sends to one peer, once it is proven where that is. A peer without a known address is skipped and counted: repair and retries reach it
 * later.
 */
export function unicast<T extends MessageType>(
  state: NodeState,
  to: NodeId,
  type: T,
  payload: Payload<T>,
  options: SendOptions = {},
): void {
  const member = state.members.get(to);
  if (member === undefined || member.address === null) {
    count(state, "unsent_no_address");
    return;
  }
  const { address, bootId } = member;
  const effect = { message: frame(state, type, payload, options.clock), ...deferred(state, options.afterWrite) };
  if (member.isProven && bootId !== null) {
    state.outbox.push({ type: "unicast", to, bootId, address, ...effect });
    return;
  }
  const held = seekProof(state, to);
  if (held.length < HELD_MAX) held.push(effect);
  else count(state, "unsent_unproven");
}

/** From now on the peer is asked where it is. Returns the messages that wait for that, in order. */
export function seekProof(state: NodeState, id: NodeId): Held[] {
  const { held } = state.addresses;
  const waiting = held.get(id) ?? [];
  held.set(id, waiting);
  return waiting;
}

/** Sends to an address of which nothing need be proven: what two processes need to get to know each other, short and seldom. */
export function unicastTo<T extends "JOIN" | "JOIN_RESPONSE" | "PING" | "PONG">(
  state: NodeState,
  { id, bootId, address }: Place,
  type: T,
  payload: Payload<T>,
  { afterWrite }: SendOptions = {},
): void {
  const message = frame(state, type, payload, undefined);
  state.outbox.push({ type: "unicast", to: id, bootId, address, message, ...deferred(state, afterWrite) });
}

/** Sends to the group (and, without multicast, to `fanOut`: the addresses of all peers that should hear it). */
export function multicast<T extends MessageType>(
  state: NodeState,
  type: T,
  payload: Payload<T>,
  options: SendOptions & { fanOut?: readonly string[] } = {},
): void {
  const fanOut = options.fanOut ?? (state.config.fanOut ? fanOutAddresses(state) : []);
  state.outbox.push({
    type: "multicast",
    message: frame(state, type, payload, options.clock),
    fanOut,
    ...deferred(state, options.afterWrite),
  });
}

/** Asks for the rows to be made durable in one transaction; returns the id that `afterWrite` and the `stored` input carry. */
export function persist(state: NodeState, rows: readonly Row[]): number {
  const writeId = state.nextWriteId++;
  state.outbox.push({ type: "persist", writeId, rows });
  return writeId;
}

export function journal(state: NodeState, event: JournalEvent, afterWrite?: number): void {
  state.outbox.push({ type: "journal", event, ...deferred(state, afterWrite) });
}

export function reply(
  state: NodeState,
  requestId: string,
  final: boolean,
  result: CommandResult,
  afterWrite?: number,
): void {
  state.outbox.push({ type: "reply", requestId, final, result, ...deferred(state, afterWrite) });
  if (state.config.isDetailed) journal(state, describeReply(requestId, final, result), afterWrite);
}

/** The reply that a client got, for checkers that compare it with the books. */
function describeReply(request: string, final: boolean, result: CommandResult): JournalEvent {
  const head = { kind: "reply", level: "debug", request, final, ok: result.ok } as const;
  if (result.ok) {
    const { trade_id, state } = result.data as Readonly<Record<string, unknown>>;
    const trade = typeof trade_id === "string" ? { id: trade_id, outcome: state } : {};
    return { ...head, msg: `${request}: ${result.text}`, ...trade };
  }
  const { code, definite, message, tradeId } = result;
  return {
    ...head,
    msg: `${request}: ${code}: ${message}`,
    code,
    definite,
    ...(tradeId === undefined ? {} : { id: tradeId }),
  };
}

export function count(state: NodeState, counter: string, by = 1): void {
  state.counters.set(counter, (state.counters.get(counter) ?? 0) + by);
}

/** A message id that is unique across restarts: `<id>-<incarnation>.<n>`. */
export function nextMsgId(state: NodeState): string {
  return `${state.self.id}-${state.self.incarnation}.${state.nextMsgId++}`;
}

/** Proven addresses of every peer that has not left, by id. The others are asked. */
export function fanOutAddresses(state: NodeState): string[] {
  const addresses: string[] = [];
  for (const id of [...state.members.keys()].sort((a, b) => a - b)) {
    const member = state.members.get(id);
    if (member === undefined || member.address === null || member.state === "LEFT" || id === state.self.id) continue;
    if (member.isProven) addresses.push(member.address);
    else seekProof(state, id);
  }
  return addresses;
}

function frame<T extends MessageType>(
  state: NodeState,
  type: T,
  payload: Payload<T>,
  clock: Clock | undefined,
): Message {
  return {
    message_type: type,
    sender_id: state.self.id,
    sender_priority: state.self.id,
    vector_clock: clock ?? null,
    payload,
    // The shell stamps the wall clock when it sends: the core never reads one.
    timestamp: 0,
  } as unknown as Message;
}

function deferred(state: NodeState, afterWrite: number | undefined): { afterWrite?: number } {
  return afterWrite === undefined || !state.rules.durableBeforeSent ? {} : { afterWrite };
}
