/**
 * Where a peer is, and how sure that is. An address is proven when a PING with a random nonce that was sent there was answered, or when
 * `--peers` names it. To others a node sends nothing but introductions: copied datagrams or made-up hearsay must not turn it against
 * somebody, nor lead its messages astray (RFC 9000, sections 8 and 9.3). Other messages wait for the proof, within bounds.
 */
import type { NodeId } from "../../wire/ids.ts";
import { count, type Held, seekProof } from "../kernel/outbox.ts";
import { cancelTimer } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import type { NodeState } from "../state.ts";
import type { Member } from "./members.ts";

export interface AddressState {
  /** Messages that wait for the proof of their receiver's address; an empty list: the proof alone is wanted. */
  readonly held: Map<NodeId, Held[]>;
  /** By peer: the question that is open. */
  readonly challenges: Map<NodeId, Challenge>;
}

/** A PING to where a peer is believed to be, and perhaps one to where somebody else claims to be that peer. */
export interface Challenge {
  readonly address: string;
  /** Of the process that is asked; null: any. */
  readonly bootId: string | null;
  readonly nonce: string;
  tries: number;
  hasAnswered: boolean;
  readonly rival: Rival | null;
}

/** The same process at another address, or another process. */
export interface Rival {
  readonly origin: Origin;
  readonly nonce: string;
  hasAnswered: boolean;
  /** Of its JOIN, which waits for an answer; null: it sent none. */
  joinNonce: string | null;
}

export function createAddresses(): AddressState {
  return { held: new Map(), challenges: new Map() };
}

/** The peer answered a PING that had been sent to `address`: what has waited for that leaves. */
export function proveAddress(state: NodeState, member: Member, address: string): void {
  member.address = address;
  member.isProven = true;
  release(state, member);
}

function release(state: NodeState, member: Member): void {
  const { id, address, bootId } = member;
  const { held } = state.addresses;
  if (bootId === null || address === null) return;
  for (const effect of held.get(id) ?? []) state.outbox.push({ type: "unicast", to: id, bootId, address, ...effect });
  held.delete(id);
}

/** The peer is said to be, or speaks, at `address`: a better guess than the last one, and no more. */
export function guessAddress(state: NodeState, member: Member, address: string): void {
  if (member.address === address) return;
  member.address = address;
  member.alias = null;
  member.isProven = false;
  endChallenge(state, member.id);
  cancelTimer(state.timers, "challenged", member.id);
  // Without multicast a node is heard only where it knows that somebody is.
  if (state.config.fanOut) seekProof(state, member.id);
}

export function endChallenge(state: NodeState, id: NodeId): void {
  state.addresses.challenges.delete(id);
  cancelTimer(state.timers, "challenge", id);
}

export function dropHeld(state: NodeState, id: NodeId): void {
  const dropped = state.addresses.held.get(id)?.length ?? 0;
  if (dropped > 0) count(state, "unsent_unproven", dropped);
  state.addresses.held.delete(id);
}

/** Whether a PONG with this nonce, from that process, answers a question of this node: then it was made just now, whatever its packet number. */
export function isAwaited(state: NodeState, from: Origin, nonce: string): boolean {
  if (state.members.get(from.sender)?.bootId !== from.bootId) return false;
  const challenge = state.addresses.challenges.get(from.sender);
  return challenge?.nonce === nonce || state.detector.probes.get(nonce)?.target === from.sender;
}
