/**
 * A graceful end: cancel what is open, wait (2 s at most) until the own records are on every live member's disk, say LEAVE, exit.
 *
 * A LEAVE that is believed lets others go on without ever hearing from this disk again, so they must have its records first.
 */
import { type Clock, encodeClock } from "../../wire/clock.ts";
import type { MessageOf } from "../../wire/message.ts";
import { journal, multicast, nextMsgId, persist } from "../kernel/outbox.ts";
import { cancelTimer, setTimer } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { entry } from "../kernel/vector-clock.ts";
import { durableClock, ledgerHash } from "../ledger/ledger.ts";
import { tellBooks } from "../ledger/testimony.ts";
import { aliveIds, durableAt, type Member } from "../membership/members.ts";
import { becomeLeft } from "../membership/peer-states.ts";
import { hurryHeartbeat } from "../membership/rumours.ts";
import type { NodeState } from "../state.ts";
import { cancelAll } from "../trading/commands.ts";
import { FRAME_BYTES } from "./join-answer.ts";

const PATIENCE_MS = 2_000;
const CHECK_MS = 10;
/** `msg_id` and the names of both fields. */
const MSG_ID_BYTES = 90;
const ANNOUNCEMENTS = 3;
const ANNOUNCEMENT_GAP_MS = 20;

export function onStop(state: NodeState): void {
  if (state.leaving !== null) return;
  journal(state, { kind: "state", level: "info", msg: `Node ${state.self.id} leaves`, phase: "LEAVING" });
  state.leaving = { startedAtMs: state.nowMs, announced: 0 };
  cancelAll(state);
  if (state.phase === "CONFLICT") {
    exit(state);
    return;
  }
  // After a storage error this node promises nothing more, but others may know that it goes.
  if (state.phase !== "HALTED") state.phase = "LEAVING";
  hurryHeartbeat(state);
  onLeaveTimer(state);
}

export function onLeaveTimer(state: NodeState): void {
  const { leaving } = state;
  if (leaving === null) return;
  const isPatient = state.nowMs - leaving.startedAtMs < PATIENCE_MS && state.phase !== "HALTED";
  if (leaving.announced === 0 && isPatient && !areRecordsSafe(state)) {
    setTimer(state.timers, "leave", "", state.nowMs + CHECK_MS);
    return;
  }
  if (leaving.announced >= ANNOUNCEMENTS) {
    exit(state);
    return;
  }
  if (leaving.announced === 0) {
    cancelTimer(state.timers, "beat", "");
    cancelTimer(state.timers, "beat-early", "");
    cancelTimer(state.timers, "probe-round", "");
  }
  leaving.announced += 1;
  multicast(state, "LEAVE", { msg_id: nextMsgId(state), ...finalClock(state) });
  setTimer(state.timers, "leave", "", state.nowMs + ANNOUNCEMENT_GAP_MS);
}

/** All that this node has delivered: a node that recovers may need to know. Of a ledger that isn't all on disk the hash says too little. */
function finalClock(state: NodeState): { clock?: Clock; ledger_hash?: string } {
  const { clock, writes } = state.ledger;
  if (encodeClock(clock).length <= state.config.bodyBytesMax - FRAME_BYTES - MSG_ID_BYTES) return { clock };
  return writes.size === 0 ? { ledger_hash: ledgerHash(state) } : {};
}

/** Every live member has said that it has this node's last debit on its disk. */
function areRecordsSafe(state: NodeState): boolean {
  if (!state.rules.safeLeave) return true;
  const last = entry(state.ledger.clock, state.self.id);
  if (last > entry(durableClock(state), state.self.id)) return false;
  return aliveIds(state).every((id) => durableAt(state.members.get(id) as Member, state.self.id) >= last);
}

function exit(state: NodeState): void {
  if (state.config.isDetailed) {
    const msg = `Node ${state.self.id} has said LEAVE`;
    journal(state, { kind: "state", level: "debug", msg, phase: "LEFT" });
  }
  state.outbox.push({ type: "exit", code: 0, reason: `Node ${state.self.id} has left` });
}

export function onLeave(state: NodeState, message: MessageOf<"LEAVE">, from: Origin): void {
  const member = state.members.get(from.sender);
  if (member === undefined || member.saidLeave) return;
  const { clock: told, ledger_hash } = message.payload;
  const clock = told ?? (ledger_hash === ledgerHash(state) ? new Map(durableClock(state)) : undefined);
  if (clock !== undefined) {
    const departure = { node: member.id, incarnation: member.incarnation, clock };
    state.recovery.departures.set(member.id, departure);
    persist(state, [{ table: "departure", node: member.id, departure }]);
  }
  member.saidLeave = true;
  becomeLeft(state, member);
  tellBooks(state, "left", { from: from.sender });
}
