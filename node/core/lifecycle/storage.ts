/**
 * Reactions to a completed or failed write of the ledger.
 */

import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import { onSyncTimer, takeSynchronised } from "../causal/pull.ts";
import { count, journal } from "../kernel/outbox.ts";
import { markDurable } from "../ledger/ledger.ts";
import type { NodeState } from "../state.ts";
import { failCredited, failPending } from "../trading/commands.ts";
import { rearmConfirm } from "../trading/confirmations.ts";
import { onSynchronised } from "./join.ts";

/** A write is on disk: the durable vector moves on, own debits in it are out and await their payees. */
export function onMoneyStored(state: NodeState, writeId: number): void {
  const write = markDurable(state, writeId);
  if (write === null) return;
  for (const record of write.records) if (record.seller_id === state.self.id) awaitPayee(state, record);
  if (takeSynchronised(state)) onSynchronised(state);
}

/** The disk can't be trusted any more: promise nothing new, keep what is reserved, let a person decide. */
export function onMoneyStoreFailed(state: NodeState, writeId: number, reason: string): void {
  count(state, "store_failures");
  if (state.phase !== "HALTED") {
    state.phase = "HALTED";
    journal(state, {
      kind: "state",
      level: "error",
      msg: `HALTED: write ${writeId} failed (${reason}), this node stops trading. Repair the disk or make room, then restart this node`,
      phase: "HALTED",
    });
  }
  failPending(state, reason);
  failCredited(state, state.ledger.writes.get(writeId)?.records ?? [], reason);
}

export function onSyncCheck(state: NodeState): void {
  if (takeSynchronised(state)) onSynchronised(state);
  else onSyncTimer(state);
}

function awaitPayee(state: NodeState, record: TradeRecord): void {
  const payee: NodeId = record.buyer_id;
  const item = state.trading.unacked.get(payee)?.entries.get(record.seq);
  if (item === undefined) return;
  item.sentAtMs = state.nowMs;
  rearmConfirm(state, payee);
}
