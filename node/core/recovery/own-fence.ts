/**
 * The own fence: the record that ends recovery and gives up the debits that only the lost disk had.
 */

import type { TradeRecord } from "../../wire/message.ts";
import { confirmPayload, fieldsOf } from "../causal/broadcast.ts";
import { causesOfNext, forgetCauses } from "../causal/causes.ts";
import { removeHeld } from "../causal/holdback.ts";
import { abstentionText } from "../election/abstention.ts";
import { journal, multicast, reply } from "../kernel/outbox.ts";
import { cancelTimer } from "../kernel/timers.ts";
import { lastSeq } from "../ledger/account.ts";
import { accountOf, applyRecord, assert, balanceOf, persistLedger } from "../ledger/ledger.ts";
import { detailsOf } from "../ledger/testimony.ts";
import type { NodeState } from "../state.ts";
import { describeRecovery } from "./awaited.ts";
import { closePromise, noteLost } from "./fence.ts";

export function writeFence(state: NodeState, last: number): void {
  const { self, recovery, ledger } = state;
  const account = accountOf(state, self.id);
  assert(account !== undefined && lastSeq(account) === last, "the fence would not be the next record");
  const seq = last + 1;
  const record: TradeRecord = {
    trade_id: `${self.id}-${self.id}-${self.incarnation}.0`,
    buyer_id: self.id,
    seller_id: self.id,
    amount: 0,
    seq,
    deps: causesOfNext(state, seq) ?? new Map([[self.id, seq]]),
    prev_hash: account.lastHash,
  };
  applyRecord(ledger, record);
  forgetCauses(state);
  const rows = [{ table: "own", standing: "whole" } as const];
  const writeId = persistLedger(state, { accounts: [], records: [record] }, rows);
  recovery.fenceWriteId = writeId;
  multicast(state, "TRADE_CONFIRM", confirmPayload(record), { clock: record.deps, afterWrite: writeId });
  const msg = `RECOVERED: ${describeBasis(state, last)}; the log goes on after debit ${last}`;
  closePromise(state, record);
  journal(
    state,
    {
      kind: "state",
      level: "warn",
      msg,
      ...fieldsOf(record),
      balance: balanceOf(state, self.id),
      ...detailsOf(state, record),
    },
    writeId,
  );
}

/** The reason why the log may go on after debit `last`. */
function describeBasis({ recovery }: NodeState, last: number): string {
  if (recovery.acceptLoss !== null) return "the loss of what absent nodes may hold is accepted";
  let highest = 0;
  for (const { have } of recovery.answers.values()) highest = Math.max(highest, have);
  const told = "every member has told what it knows";
  if (highest <= last) return told;
  return `${told}; debit ${last + 1} was on the lost disk only, so what is held up to debit ${highest} can't follow`;
}

/** True once: the fence is on disk, the node may pay again. */
export function takeFenced(state: NodeState, writeId: number): boolean {
  const { recovery, self, join } = state;
  if (recovery.fenceWriteId !== writeId || state.phase !== "RECOVERING") return false;
  recovery.fenceWriteId = null;
  for (const held of [...(state.causal.holdback.get(self.id)?.values() ?? [])]) {
    removeHeld(state, self.id, held.seq);
    noteLost(state, held);
  }
  recovery.answers.clear();
  recovery.asked.clear();
  join.lostDisk = false;
  // Every member that must know the account has promised for it.
  join.confirmed = true;
  cancelTimer(state.timers, "recovery-ask", "");
  cancelTimer(state.timers, "recovery-patience", "");
  if (recovery.acceptLoss !== null) {
    const { requestId } = recovery.acceptLoss;
    recovery.acceptLoss = null;
    const { fencedAt = 0 } = accountOf(state, self.id) ?? {};
    const abstains = abstentionText(state);
    const votes = abstains === "" ? "" : `. It ${abstains}; a second order ends that`;
    const text = `Node ${self.id} goes on after debit ${fencedAt - 1} with ${balanceOf(state, self.id)} credits; debits that turn up later are shown as lost${votes}`;
    reply(state, requestId, true, { ok: true, data: { ...describeRecovery(state), state: "recovered" }, text });
  }
  return true;
}
