/**
 * Two processes with one id. About a peer's id the known process is asked, and the newcomer too (addresses.ts): it takes over when the old
 * one is silent. About its own id a process asks the rival, and believes what it hears when the rival has answered: bytes of its own former
 * lives, which anybody may have kept, must not stop it.
 *
 * The two settle it between themselves: a running one stays; of two newcomers the one with the higher incarnation stays, then the one with
 * the lower boot id. Idea: JGroups' "Reincarnation"; memberlist's name conflicts.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { Message } from "../../wire/message.ts";
import { count, journal, placeOf, unicastTo } from "../kernel/outbox.ts";
import { becomeConflict, isNewcomer } from "../kernel/phase.ts";
import { drawNonce } from "../kernel/random.ts";
import { setTimer, takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { type Challenge, guessAddress, proveAddress, type Rival } from "../membership/address-proof.ts";
import { sendJoinTo } from "../membership/introduction.ts";
import type { Member } from "../membership/members.ts";
import type { NodeState } from "../state.ts";
import { adopt } from "./adopt.ts";
import { answerJoin, refuseJoin } from "./join-answer.ts";

/** Pause between two journal lines about one address. */
const REPORT_GAP_MS = 5_000;
/** Probe timeouts that a process under our own id has to answer, after a third node has named it. */
const RIVAL_TRIES = 6;

/** A process that spoke under this node's own id. */
export interface OwnRival {
  readonly origin: Origin;
  readonly nonce: string;
  /** Of its JOIN; null: it spoke as one that runs. */
  readonly joinNonce: string | null;
}

/** The known process and the newcomer under a peer's id were both asked. */
export function settleRivalry(state: NodeState, member: Member, known: Challenge, rival: Rival): void {
  const { origin, joinNonce } = rival;
  // Nobody is there: copied bytes, or a process that has ended.
  if (member.bootId !== known.bootId || !rival.hasAnswered) return;
  if (known.hasAnswered) {
    report(state, `Node ${member.id} runs at ${known.address}; refused a second one`, origin.address);
    const refusal = { refused: "DUPLICATE_ID", known_addr: known.address } as const;
    if (joinNonce !== null) refuseJoin(state, origin, joinNonce, refusal);
    return;
  }
  // Silence: a restart at another address.
  member.bootId = null;
  guessAddress(state, member, origin.address);
  if (origin.incarnation > member.incarnation) {
    adopt(state, member, origin);
    proveAddress(state, member, origin.address);
    if (joinNonce !== null) answerJoin(state, member, joinNonce);
  } else if (joinNonce !== null) {
    // The old process is gone, so the next incarnation will be believed from any address.
    refuseJoin(state, origin, joinNonce, { refused: "STALE_INC", known_inc: member.incarnation });
  }
}

/** A message of another process under this node's id. */
export function onOwnId(state: NodeState, message: Message, from: Origin): void {
  count(state, "own_id_heard");
  switch (message.message_type) {
    case "PING": {
      const answer = { nonce: message.payload.nonce, target: state.self.id, ok: true, rumours: [] };
      unicastTo(state, placeOf(from), "PONG", answer);
      return;
    }
    case "PONG": {
      const { rival } = state.join;
      if (rival === null || rival.nonce !== message.payload.nonce || rival.origin.bootId !== from.bootId) return;
      state.join.rival = null;
      onRival(state, rival.joinNonce, from);
      return;
    }
    case "JOIN_RESPONSE": {
      const { refused, nonce, your_addr } = message.payload;
      if (refused === "DUPLICATE_ID" && nonce === state.join.nonce && isNewcomer(state))
        refuseToRun(state, from.address, your_addr);
      return;
    }
    case "JOIN":
      challengeRival(state, from, message.payload.nonce);
      return;
    default:
      challengeRival(state, from, null);
  }
}

function challengeRival(state: NodeState, origin: Origin, joinNonce: string | null): void {
  if (!takeTurn(state, "asked-rival", origin.address, state.config.timing.probeTimeoutMinMs)) return;
  const { rival } = state.join;
  const nonce = rival?.origin.bootId === origin.bootId ? rival.nonce : drawNonce(state.random);
  state.join.rival = { origin, nonce, joinNonce };
  unicastTo(state, placeOf(origin), "PING", { nonce, rumours: [] });
}

/** It is there. */
function onRival(state: NodeState, joinNonce: string | null, rival: Origin): void {
  const { join, self } = state;
  if (joinNonce !== null) {
    if (isNewcomer(state) && !outranks(state, rival)) {
      refuseToRun(state, rival.address);
      return;
    }
    if (join.rivalAddress === rival.address) join.rivalAddress = null;
    if (isNewcomer(state)) join.beatenAddress = rival.address;
    const known = self.address === null ? {} : { known_addr: self.address };
    refuseJoin(state, rival, joinNonce, { refused: "DUPLICATE_ID", ...known });
    report(state, `A second process calls itself Node ${self.id}; refused it`, rival.address);
  } else if (isNewcomer(state)) {
    // It runs already, or its last words are late: its answer to a JOIN decides.
    sendJoinTo(state, placeOf(rival));
  } else if (!outranks(state, rival)) {
    yieldTo(state, rival.address);
  } else {
    report(state, `A second process calls itself Node ${self.id}`, rival.address);
  }
}

/** A third node says that this id is taken. The process at that address decides; if it stays silent, this process gives way. */
export function onDuplicateRefusal(state: NodeState, address: string | undefined, by: NodeId): void {
  const { join, self } = state;
  if (!isNewcomer(state) || address === join.beatenAddress || address === self.address) return;
  if (address === undefined) {
    refuseToRun(state, `an address that Node ${by} knows`);
    return;
  }
  const { probeTimeoutMinMs } = state.config.timing;
  if (takeTurn(state, "asked-rival", address, probeTimeoutMinMs))
    sendJoinTo(state, { id: self.id, bootId: null, address });
  if (join.rivalAddress !== null) return;
  join.rivalAddress = address;
  setTimer(state.timers, "rival", "", state.nowMs + RIVAL_TRIES * probeTimeoutMinMs);
}

/** The process at the rival address had its time to answer. */
export function onRivalTimeout(state: NodeState): void {
  if (state.join.rivalAddress !== null && isNewcomer(state)) refuseToRun(state, state.join.rivalAddress);
}

function outranks(state: NodeState, other: Origin): boolean {
  const { incarnation, bootId } = state.self;
  return incarnation > other.incarnation || (incarnation === other.incarnation && bootId < other.bootId);
}

/** @param seenAt this process's address as the other one sees it: the only source when the own address was detected, not given */
function refuseToRun(state: NodeState, rivalAddress: string, seenAt?: string): void {
  const { self } = state;
  const here = self.address ?? seenAt ?? "an address unknown to it";
  const reason = `Node ${self.id} already runs at ${rivalAddress}; this process at ${here} ends. Stop that one or choose another id.`;
  becomeConflict(state, reason);
  state.outbox.push({ type: "exit", code: 1, reason });
}

/** Both have been running (a partition healed): the lesser one stops taking part. */
function yieldTo(state: NodeState, rivalAddress: string): void {
  if (state.phase === "CONFLICT" || state.phase === "LEAVING") return;
  becomeConflict(state, `CONFLICT: Node ${state.self.id} also runs at ${rivalAddress}; this process stops taking part`);
}

function report(state: NodeState, msg: string, address: string): void {
  count(state, "duplicate_id");
  if (!takeTurn(state, "reported", address, REPORT_GAP_MS)) return;
  journal(state, { kind: "drop", level: "warn", msg: `${msg} at ${address}` });
}
