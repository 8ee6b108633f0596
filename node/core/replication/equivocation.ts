/**
 * Contradictions in somebody's log: counted, shown, never applied.
 */

import type { NodeId } from "../../wire/ids.ts";
import type { TradeRecord } from "../../wire/message.ts";
import { fieldsOf } from "../causal/broadcast.ts";
import { count, journal } from "../kernel/outbox.ts";
import { becomeConflict } from "../kernel/phase.ts";
import { takeTurn } from "../kernel/timers.ts";
import type { NodeState } from "../state.ts";

/** Lines about one account's contradictions are at least this far apart. */
const REPORT_GAP_MS = 5_000;

/** Counts a contradiction for status. True when a journal line is due: a liar must not fill the journal. */
export function noteEquivocation(state: NodeState, account: NodeId): boolean {
  count(state, "equivocations");
  const { equivocations } = state.causal;
  equivocations.set(account, (equivocations.get(account) ?? 0) + 1);
  return takeTurn(state, "equivocation", account, REPORT_GAP_MS);
}

/** Two records under one number, or one that doesn't fit its log: a disk or a key is in the wrong hands. */
export function raiseEquivocation(state: NodeState, record: TradeRecord, why = "another record has that number"): void {
  if (!noteEquivocation(state, record.seller_id)) return;
  journal(state, {
    kind: "drop",
    level: "error",
    msg: `EQUIVOCATION: debit ${record.seq} of Node ${record.seller_id} contradicts its log (${why}), ignored`,
    ...fieldsOf(record),
  });
}

/** The payer isn't to blame: it has another record of `cause` than this node. */
export function raiseDivergence(state: NodeState, record: TradeRecord, cause: NodeId): void {
  count(state, "records_diverged");
  if (!takeTurn(state, "equivocation", cause, REPORT_GAP_MS)) return;
  const msg = `DIVERGED: debit ${record.seq} of Node ${record.seller_id} rests on the log of Node ${cause}, which is another one here: not applied`;
  journal(state, { kind: "drop", level: "error", msg, ...fieldsOf(record) });
}

export function raiseConflict(state: NodeState, record: TradeRecord, why: string): void {
  noteEquivocation(state, record.seller_id);
  if (state.phase === "CONFLICT") return;
  const advice = "To bring it back: stop it, move its data directory away (keep it), start it again";
  const msg = `EQUIVOCATION: record ${record.seller_id}/${record.seq} ${why}; this node stops taking part. ${advice}`;
  becomeConflict(state, msg, { kind: "drop", ...fieldsOf(record) });
}
