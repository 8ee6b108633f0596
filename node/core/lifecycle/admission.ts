/**
 * The other side of joining: how a running node answers a JOIN.
 *
 * Coordinator and voters answer at once (a majority of voters must confirm that an account is new); so do all nodes of a
 * small group while nobody leads. The others step in 300 ms apart, in order of their ids, for joiners that are still unanswered.
 */

import { MEMBERS_MAX, type NodeId } from "../../wire/ids.ts";
import type { MessageOf } from "../../wire/message.ts";
import { isVoter } from "../election/roles.ts";
import { count, journal } from "../kernel/outbox.ts";
import { hasTimer, setTimer, takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { accountOf, adoptAccount } from "../ledger/ledger.ts";
import { PROTO, sendJoin } from "../membership/introduction.ts";
import { drainHeld } from "../replication/delivery.ts";
import type { NodeState } from "../state.ts";
import { answerJoin, refuseJoin } from "./join-answer.ts";
import { EARLY_GAPS_MS } from "./join-state.ts";

const RANK_DELAY_MS = 300;
/** In a larger group the voters' answers are enough: fifty nodes that start together would send 2,450 of them. */
const SMALL_GROUP = 10;
/** Pause before the own JOIN is repeated to the same newcomer. */
const GREETING_GAP_MS = 100;

export function onJoin(state: NodeState, message: MessageOf<"JOIN">, from: Origin): void {
  const { nonce, proto, account } = message.payload;
  const member = state.members.get(from.sender);
  if (member === undefined || state.phase === "CONFLICT" || state.phase === "HALTED" || state.phase === "LEAVING")
    return;
  if (proto.min > PROTO.max || proto.max < PROTO.min) {
    const msg = `Refused Node ${from.sender}: it speaks protocol ${proto.min} to ${proto.max}, this node ${PROTO.min} to ${PROTO.max}`;
    journal(state, { kind: "drop", level: "warn", msg, from: from.sender });
    refuseJoin(state, from, nonce, { refused: "PROTOCOL" });
    return;
  }
  // A restarted member may not have met all nodes that have an account.
  if (accountOf(state, from.sender) === undefined && state.ledger.accounts.size >= MEMBERS_MAX) {
    count(state, "members_full");
    refuseJoin(state, from, nonce, { refused: "FULL" });
    return;
  }
  member.phase ??= "JOINING";
  greet(state, from);
  const taken = account !== null && account.id === from.sender ? adoptAccount(state, account) : "same";
  // Debits that came before the account may have waited for nothing else.
  if (taken === "adopted") drainHeld(state);
  if (taken === "conflict") {
    journal(state, {
      kind: "drop",
      level: "error",
      msg: `Node ${from.sender} announces an account that differs from the one known here`,
      from: from.sender,
    });
    refuseJoin(state, from, nonce, { refused: "ACCOUNT_CONFLICT" });
    return;
  }
  const { self, election } = state;
  const isNeeded = isVoter(state, self.id) || election.coordinator === self.id;
  if (isNeeded || (election.coordinator === null && state.members.size < SMALL_GROUP)) {
    answerJoin(state, member, nonce);
    return;
  }
  state.join.waiting.set(from.sender, nonce);
  if (hasTimer(state.timers, "join-answer", from.sender)) return;
  let rank = 1;
  for (const { id, state: standing } of state.members.values())
    if (id < self.id && id !== from.sender && standing === "ALIVE") rank += 1;
  setTimer(state.timers, "join-answer", from.sender, state.nowMs + rank * RANK_DELAY_MS);
}

/**
 * A node that joins at the same time must hear of this one without waiting for its next announcement. In a large group that announcement
 * is soon enough.
 */
function greet(state: NodeState, from: Origin): void {
  if (state.phase !== "JOINING" || (state.members.size > SMALL_GROUP && state.join.attempts <= EARLY_GAPS_MS.length))
    return;
  if (!takeTurn(state, "greeted", from.sender, GREETING_GAP_MS)) return;
  sendJoin(state, from.sender);
}

/** Level-triggered: a new coordinator answers all joiners that still wait. */
export function reviewAdmissions(state: NodeState): void {
  if (state.join.waiting.size === 0 || state.election.coordinator !== state.self.id) return;
  for (const id of [...state.join.waiting.keys()].sort((a, b) => a - b)) answerWaiting(state, id);
}

export function answerWaiting(state: NodeState, id: NodeId): void {
  const nonce = state.join.waiting.get(id);
  const member = state.members.get(id);
  state.join.waiting.delete(id);
  // Its heartbeats show whether another node has answered it.
  if (nonce === undefined || member?.phase !== "JOINING" || state.phase === "LEAVING") return;
  answerJoin(state, member, nonce);
}
