/**
 * Diverged logs: two nodes have the same numbers of all accounts and other ledgers, so some owner has used a number twice, as after an older
 * copy of its disk was put back while a witness of its last debits was away.
 *
 * The two compare the chain hashes, account by account. The owner of the account whose hashes differ asks for the other record, which stops
 * it (equivocation.ts); a hash alone proves nothing. All others go on. Nobody can tell which of the two records counts until the owner has
 * got its log back from the others and fenced it: then the nodes with the other one stop as well (recovery/fence.ts).
 */
import type { Clock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf, Payload, TradeRecord } from "../../wire/message.ts";
import { count, journal, unicast } from "../kernel/outbox.ts";
import { takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import { entry, sortedIds } from "../kernel/vector-clock.ts";
import { hashAfter } from "../ledger/account.ts";
import { accountOf } from "../ledger/ledger.ts";
import { sendJoin } from "../membership/introduction.ts";
import { durableAt } from "../membership/members.ts";
import { askForFence } from "../recovery/fence.ts";
import type { NodeState } from "../state.ts";

type HashRow = Payload<"HASHES">["rows"][number];

/** Rows that surely fit a datagram. */
const ROWS_MAX = 12;
const COMPARE_GAP_MS = 5_000;
const REPORT_GAP_MS = 60_000;

/**
 * The peer's ledger differs from ours. If its vector doesn't, the hashes are sent to it, and it answers with its own that differ.
 * @param named rows of its vector: it has an account without debits if it names it
 */
export function compareLedgers(state: NodeState, peer: NodeId, named: Clock): void {
  const { durable } = state.ledger;
  const member = state.members.get(peer);
  if (member === undefined) return;
  for (const [id, seq] of durable) if (durableAt(member, id) !== seq) return;
  if (!takeTurn(state, "compared", peer, COMPARE_GAP_MS)) return;
  count(state, "ledgers_compared");
  const known = sortedIds(durable).filter((id) => entry(durable, id) > 0 || named.has(id));
  const rows = known.flatMap((id) => rowOf(state, id, entry(durable, id)) ?? []);
  for (let at = 0; at < rows.length; at += ROWS_MAX) {
    unicast(state, peer, "HASHES", { rows: rows.slice(at, at + ROWS_MAX), answer: false });
  }
}

/** A later debit of that log doesn't fit this node's: its owner is shown what is here, since vectors that differ aren't compared. */
export function showHash(state: NodeState, id: NodeId, seq: number): void {
  const row = rowOf(state, id, seq);
  if (row !== null && takeTurn(state, "compared", id, COMPARE_GAP_MS))
    unicast(state, id, "HASHES", { rows: [row], answer: false });
}

export function onHashes(state: NodeState, message: MessageOf<"HASHES">, from: Origin): void {
  const differing: HashRow[] = [];
  for (const row of message.payload.rows) {
    const known = rowOf(state, row.id, row.seq);
    // With another fence the numbers mean other debits, and the fence decides.
    if (known === null || known.hash === row.hash || known.fenced !== row.fenced) continue;
    differing.push(known);
    if (row.seq === 0) noteTwoAccounts(state, row.id, from.sender);
    else noteDivergence(state, known, row.hash, from.sender);
  }
  if (differing.length > 0 && !message.payload.answer)
    unicast(state, from.sender, "HASHES", { rows: differing, answer: true });
}

/** True when this record rests on a debit that is another one at other nodes: its payer did nothing wrong. */
export function restsOnDiverged({ causal }: NodeState, record: TradeRecord): NodeId | null {
  for (const [id, seq] of causal.diverged) if (entry(record.deps, id) >= seq) return id;
  return null;
}

/** Null: not known here, or compacted. */
function rowOf(state: NodeState, id: NodeId, seq: number): HashRow | null {
  const account = accountOf(state, id);
  const hash = account === undefined ? undefined : hashAfter(account, seq);
  return account === undefined || hash === undefined ? null : { id, seq, hash, fenced: account.fencedAt };
}

/** Its owner asks what the peer knows, and the nonces decide (lifecycle/own-account.ts). */
function noteTwoAccounts(state: NodeState, id: NodeId, peer: NodeId): void {
  if (id === state.self.id) sendJoin(state, peer);
  if (!takeTurn(state, "diverged", id, REPORT_GAP_MS)) return;
  count(state, "account_conflicts");
  const msg = `Node ${id} has two accounts: Node ${peer} knows another one than this node. Node ${id} asks which of them more nodes know`;
  journal(state, { kind: "drop", level: "error", msg, from: peer, diverged: id });
}

function noteDivergence(state: NodeState, { id, seq, hash }: HashRow, theirs: string, peer: NodeId): void {
  const { self, causal, phase } = state;
  causal.diverged.set(id, Math.min(seq, causal.diverged.get(id) ?? seq));
  if (id === self.id && phase === "READY") askForFence(state, id, seq, peer);
  if (!takeTurn(state, "diverged", id, REPORT_GAP_MS)) return;
  count(state, "logs_diverged");
  const msg = `DIVERGED: debit ${seq} of Node ${id} is another one at Node ${peer} than here: Node ${id} has used a number twice, as after an older copy of its disk was put back. ${describeCure(state, id)}`;
  journal(state, { kind: "drop", level: "error", msg, from: peer, diverged: id, record_seq: seq, hash, theirs });
}

function describeCure({ self }: NodeState, id: NodeId): string {
  if (id === self.id) return "This node asks for the record, and stops when it has come";
  return `This node goes on. To settle it: stop Node ${id}, move its data directory away (keep it), start it again`;
}
