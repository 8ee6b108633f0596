/**
 * JOIN_RESPONSE, built to fit a datagram: the answer to a node that joins.
 *
 * The rest (members, accounts, records of a big group) follows as STATE_CHUNKs.
 */

import { type Clock, encodeClock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { Payload } from "../../wire/message.ts";
import { mayVouch } from "../election/abstention.ts";
import { claimOf, isVoter } from "../election/roles.ts";
import { nextMsgId, placeOf, unicast, unicastTo } from "../kernel/outbox.ts";
import { takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { accountOf, durableClock } from "../ledger/ledger.ts";
import { PROTO } from "../membership/introduction.ts";
import { knownIds, type Member } from "../membership/members.ts";
import { fencesOf } from "../recovery/fence.ts";
import type { NodeState } from "../state.ts";

/** The frame around a payload, with the longest ids, the time stamp that the shell adds, and `more`. */
export const FRAME_BYTES = 172;
/** A joiner that is refused repeats its JOIN not much sooner. */
const REFUSAL_GAP_MS = 20;

/** Answers a joiner, which then no longer waits here. */
export function answerJoin(state: NodeState, joiner: Member, nonce: string): void {
  state.join.waiting.delete(joiner.id);
  const payload: Payload<"JOIN_RESPONSE"> = { ...emptyResponse(state, joiner.id, nonce), ...fencesOf(state) };
  if (joiner.address !== null) payload.your_addr = joiner.address;
  // A voter that can't know in which terms it has voted must not vouch for them.
  if (isVoter(state, state.self.id) && mayVouch(state)) payload.seen_term = state.election.term;
  const fenceChars = payload.fences === undefined ? 0 : encodeClock(payload.fences).length;
  const room = state.config.bodyBytesMax - FRAME_BYTES - JSON.stringify(payload).length - fenceChars;
  const rows = fitRows(durableClock(state), knownIds(state), joiner.id, room);
  if (rows.clock_state.size < durableClock(state).size) payload.more = true;
  unicast(state, joiner.id, "JOIN_RESPONSE", { ...payload, ...rows }, whenOnDisk(state, payload));
}

/**
 * At once and to where the JOIN came from, since the process that is refused is nobody's peer. The answer is about as long as the question, so
 * that a copied JOIN aims nothing large at anybody.
 */
export function refuseJoin(
  state: NodeState,
  joiner: Origin,
  nonce: string,
  refusal: Pick<Payload<"JOIN_RESPONSE">, "refused" | "known_inc" | "known_addr">,
): void {
  if (!takeTurn(state, "refused", joiner.address, REFUSAL_GAP_MS)) return;
  const payload = { ...emptyResponse(state, joiner.sender, nonce), your_addr: joiner.address, ...refusal };
  unicastTo(state, placeOf(joiner), "JOIN_RESPONSE", payload, whenOnDisk(state, payload));
}

/** The joiner counts on the account in the answer being on this disk. */
function whenOnDisk(state: NodeState, { account }: Payload<"JOIN_RESPONSE">): { afterWrite?: number } {
  const isPending = account !== null && !durableClock(state).has(account.id);
  return isPending ? { afterWrite: state.nextWriteId - 1 } : {};
}

function emptyResponse(state: NodeState, joiner: NodeId, nonce: string): Payload<"JOIN_RESPONSE"> {
  return {
    msg_id: nextMsgId(state),
    nonce,
    ...claimOf(state),
    known_nodes: new Map(),
    clock_state: new Map(),
    account: accountOf(state, joiner)?.genesis ?? null,
    phase: state.phase,
    proto: PROTO,
  };
}

/**
 * As many rows of the vector as fit, the joiner's own among them, the rest of the ids without counters; state transfer brings
 * everything that doesn't fit.
 * `room` is in characters of base64 (both fields are encoded as strings that need no escapes).
 */
function fitRows(
  clock: Clock,
  ids: readonly NodeId[],
  joiner: NodeId,
  room: number,
): { clock_state: Clock; known_nodes: Clock } {
  const rows = [...clock].sort(([a], [b]) => Number(b === joiner) - Number(a === joiner) || a - b);
  const rest = (kept: readonly (readonly [NodeId, number])[]): Map<NodeId, number> => {
    const named = new Set(kept.map(([id]) => id));
    return new Map(ids.filter((id) => !named.has(id)).map((id) => [id, 0]));
  };
  for (let kept = rows.length; ; kept = Math.floor((kept * 3) / 4)) {
    const clock_state = new Map(rows.slice(0, kept));
    const known_nodes = rest(rows.slice(0, kept));
    const left = room - encodeClock(clock_state).length;
    if (encodeClock(known_nodes).length <= left) return { clock_state, known_nodes };
    // All ids of a large group don't fit, whatever is left of its rows. With no row left there is nothing more to leave out.
    if (left >= room / 2 || kept === 0) return { clock_state, known_nodes: firstThatFit(known_nodes, left) };
  }
}

function firstThatFit(ids: Clock, room: number): Clock {
  // Two ids far apart take 4 bytes, so 16 characters hold three of them at least.
  return new Map([...ids].slice(0, Math.floor((room * 3) / 16)));
}
