/**
 * Snapshots between nodes: a node that lacks debits which the other one has compacted gets the rows of all accounts, in parts.
 *
 * Parts are collected until all of them are there and then taken in one step and one write: a part of the rows would be no causal
 * cut, so money could be spent in it that hasn't come. The snapshot's name is its vector's hash, and equal vectors have equal parts, so any
 * member with the same one can send the missing ones.
 */
import { encodeClock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf, SnapshotPart } from "../../wire/message.ts";
import { sha256Hex64 } from "../../wire/sha256.ts";
import { frontierOf, noteTaken } from "../causal/causes.ts";
import { narrowGap } from "../causal/gaps.ts";
import { removeHeld } from "../causal/holdback.ts";
import { firstMissing, isIn, type OfferedSnapshot, type Page, type StagedSnapshot } from "../causal/pull.ts";
import { count, journal } from "../kernel/outbox.ts";
import type { Row, SnapshotRow } from "../kernel/rows.ts";
import { entry } from "../kernel/vector-clock.ts";
import { baseClock } from "../ledger/account.ts";
import { accountOf, balanceOf, persistLedger } from "../ledger/ledger.ts";
import type { LedgerState } from "../ledger/ledger-state.ts";
import { applyMerge, planMerge } from "../ledger/snapshot.ts";
import { tellBooks } from "../ledger/testimony.ts";
import { becomeFencedOff } from "../recovery/fence.ts";
import type { NodeState } from "../state.ts";
import { markCauses } from "./compaction.ts";
import { noteEquivocation } from "./equivocation.ts";
import { isOwnLogAhead } from "./repair.ts";

type Chunk = MessageOf<"STATE_CHUNK">["payload"];

/** Payees in one part: 19 bytes each at most, so that a part fits a chunk. */
const PAYEES_PER_PART = 24;

/** The snapshot for a node that has `have` of these accounts; null: it has all their compacted debits. */
export function snapshotFor(
  { ledger, causal }: NodeState,
  have: ReadonlyMap<NodeId, number>,
  page: Page,
): OfferedSnapshot | null {
  const clock = baseClock(ledger);
  let isCovered = true;
  for (const [id, seq] of clock) isCovered &&= !isIn(page, id) || entry(have, id) >= seq;
  if (isCovered) return null;
  const of = nameOf(clock);
  if (causal.offered?.of !== of) causal.offered = { of, parts: partsOf(ledger) };
  return causal.offered;
}

/** A snapshot that was just taken over is passed on when it is on disk here. */
export function isBaseDurable(ledger: LedgerState): boolean {
  for (const [id, seq] of baseClock(ledger)) if (entry(ledger.durable, id) < seq) return false;
  return true;
}

function nameOf(clock: ReadonlyMap<NodeId, number>): string {
  return sha256Hex64(encodeClock(clock));
}

function partsOf(ledger: LedgerState): SnapshotPart[] {
  const parts: SnapshotPart[] = [];
  for (const id of [...ledger.accounts.keys()].sort((a, b) => a - b)) {
    const base = ledger.accounts.get(id)?.base;
    if (base === undefined || base.seq === 0) continue;
    const { seq, hash, fenced } = base;
    const paid = [...base.paid].sort(([a], [b]) => a - b);
    for (let at = 0; at < paid.length; at += PAYEES_PER_PART) {
      const some = new Map(paid.slice(at, at + PAYEES_PER_PART));
      const named = new Map([...base.named].filter(([of]) => some.has(of) || (at === 0 && of === id)));
      parts.push({ id, seq, hash, fenced, paid: some, named });
    }
  }
  return parts;
}

/** Parts came in; the accounts of the same chunk are known already. */
export function onSnapshotParts(state: NodeState, snapshot: Chunk["snapshot"], via: NodeId): void {
  if (snapshot !== undefined) stage(state, snapshot);
  const { staged } = state.causal;
  if (staged === null || firstMissing(staged) < staged.total) return;
  // A node that leaves has told what it has.
  if (state.phase === "HALTED" || state.phase === "CONFLICT" || (state.leaving?.announced ?? 0) > 0) return;
  take(state, staged, via);
}

function stage(state: NodeState, { of, total, first, parts }: NonNullable<Chunk["snapshot"]>): void {
  const { causal } = state;
  if (causal.pull === null) return;
  if (causal.staged?.of !== of || causal.staged.total !== total) causal.staged = { of, total, parts: new Map() };
  for (const [index, part] of parts.entries()) if (first + index < total) causal.staged.parts.set(first + index, part);
}

function take(state: NodeState, staged: StagedSnapshot, via: NodeId): void {
  const { ledger, self } = state;
  const rows = rowsOf(staged);
  const own = rows?.get(self.id);
  if (rows === null || nameOf(new Map([...rows].map(([id, { seq }]) => [id, seq]))) !== staged.of) {
    reject(state, "its parts don't belong together", via);
    return;
  }
  if (isBehindFence(state, rows)) {
    state.causal.staged = null;
    return;
  }
  const plan = planMerge(ledger, rows);
  // Its chunk was lost: the next request brings it, and this is tried again.
  if (plan === "unknown account") return;
  if (typeof plan === "string") {
    reject(state, plan, via);
    return;
  }
  state.causal.staged = null;
  if (own !== undefined && isOwnLogAhead(state, own.seq, via)) return;
  const before = new Map(ledger.clock);
  const paidBefore = new Map([...plan.rows.keys()].map((id) => [id, paidTo(state, id)]));
  const balanceBefore = balanceOf(state, self.id);
  if (own !== undefined && own.seq > entry(before, self.id)) ledger.ownSince = self.incarnation;
  // After a boot it is made of log and rows: of those that are there before they give way to another node's.
  frontierOf(state);
  applyMerge(ledger, plan);
  let debits = 0;
  for (const [id, seq] of ledger.clock) {
    if (seq <= entry(before, id)) continue;
    debits += seq - entry(before, id);
    noteTaken(state, id, seq, paidTo(state, id) !== paidBefore.get(id));
    for (const held of [...(state.causal.holdback.get(id)?.keys() ?? [])]) if (held <= seq) removeHeld(state, id, held);
    narrowGap(state, id);
  }
  const taken = markCauses(state, [...plan.rows.keys()]);
  const writeId = persistLedger(state, { accounts: [], records: [], taken }, closePromises(state, plan.rows));
  count(state, "snapshots_taken");
  const after = balanceOf(state, self.id);
  const balance = after === balanceBefore ? "" : `; credits of this node [${balanceBefore} -> ${after}]`;
  const msg = `Took a snapshot of ${debits} trades from Node ${via}${balance}`;
  journal(state, { kind: "deliver", level: "info", msg, from: via, balance: after }, writeId);
  tellBooks(state, "snapshot", { from: via });
}

/**
 * Fences come first (fence.ts). Rows are not taken if their sender lacks a fence that this node has, or if promised debits may be among
 * them. A fence that this node lacks, at a number that its log has, means that this log is given up.
 */
function isBehindFence(state: NodeState, rows: ReadonlyMap<NodeId, SnapshotRow>): boolean {
  for (const [id, { seq, fenced }] of rows) {
    const { fencedAt = 0 } = accountOf(state, id) ?? {};
    const promisedAt = state.recovery.promises.get(id)?.at;
    if (fenced < fencedAt && seq >= fencedAt) return true;
    if (promisedAt !== undefined && seq > promisedAt && fenced <= promisedAt) return true;
    if (fenced <= fencedAt || entry(state.ledger.clock, id) < fenced) continue;
    // As for numbers in heartbeats: a running node waits for the fence itself.
    if (state.phase === "JOINING" || state.phase === "SYNCING") becomeFencedOff(state, id, fenced);
    return true;
  }
  return false;
}

/** The fences that were promised are in these rows. */
function closePromises(state: NodeState, rows: ReadonlyMap<NodeId, SnapshotRow>): Row[] {
  const closed: Row[] = [];
  for (const [account, { fenced }] of rows) {
    const promisedAt = state.recovery.promises.get(account)?.at;
    if (promisedAt === undefined || fenced <= promisedAt) continue;
    state.recovery.promises.delete(account);
    closed.push({ table: "fence", account, at: null });
  }
  return closed;
}

/** Credits that account `id` has paid to this node in its compacted debits. */
function paidTo(state: NodeState, id: NodeId): number {
  return accountOf(state, id)?.base.paid.get(state.self.id) ?? 0;
}

/** The rows that the parts make up; null: parts of one account contradict each other. */
function rowsOf({ parts, total }: StagedSnapshot): Map<NodeId, SnapshotRow> | null {
  const rows = new Map<NodeId, SnapshotRow>();
  for (let index = 0; index < total; index++) {
    const { id, seq, hash, fenced, ...part } = parts.get(index) as SnapshotPart;
    const known = rows.get(id);
    if (known !== undefined && (known.seq !== seq || known.hash !== hash || known.fenced !== fenced)) return null;
    const paid = new Map([...(known?.paid ?? []), ...part.paid]);
    const named = new Map([...(known?.named ?? []), ...part.named]);
    rows.set(id, { id, seq, hash, fenced, paid, named, taken: seq, cause: "none" });
  }
  return rows;
}

function reject(state: NodeState, why: string, via: NodeId): void {
  state.causal.staged = null;
  if (!noteEquivocation(state, via)) return;
  const msg = `EQUIVOCATION: the snapshot of Node ${via} contradicts this ledger (${why}), ignored`;
  journal(state, { kind: "drop", level: "error", msg, from: via });
}
