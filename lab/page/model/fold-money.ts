/**
 * Trades in the picture of the cluster: every node's copy of the ledger moves by the records that this node delivered, so copies can be
 * compared; what is between payer and payee stands apart.
 */
import type { Entry } from "../../journal/entry.ts";
import type { ClusterState, NodeState } from "./cluster-state.ts";

/** Changes `state` and `node` in place. */
export function foldMoney(state: ClusterState, node: NodeState, entry: Entry, atMs: number): void {
  if (entry.kind === "hold") {
    foldHold(node, entry, atMs);
    return;
  }
  if (entry.balance !== undefined) node.balance = entry.balance;
  const { from, to, amount, record_seq: seq, id } = entry;
  if (from === undefined) return;
  if (entry.kind === "trade" && id !== undefined) foldStage(state, entry, id, atMs);
  if (to === undefined || amount === undefined || seq === undefined) return;
  node.held.delete(keyOf(from, seq));
  // A node that tells details says what it has now; of others the record counts once, however often it is reported.
  const isNew = seq > (node.clock.get(from) ?? 0);
  if (isNew) node.clock.set(from, seq);
  setBalance(node, from, entry.from_balance, isNew ? -amount : 0);
  setBalance(node, to, entry.to_balance, isNew ? amount : 0);
  if (entry.kind === "deliver" && node.id === to && id !== undefined && state.trades.delete(id)) state.settled += 1;
}

/** Lines that tell the books as a whole, or an account that is new in them (node/core/ledger/testimony.ts, ledger.ts). */
export function foldBooks(state: ClusterState, node: NodeState, entry: Entry): void {
  const { books, balances, issued, account, initial } = entry;
  if (typeof account === "number" && typeof initial === "number") {
    state.accounts.set(account, initial);
    if (node.books.has(account)) return;
    node.books.set(account, initial);
    node.issued += initial;
    return;
  }
  if (typeof books !== "string" || typeof balances !== "object" || balances === null) return;
  node.books = new Map(Object.entries(balances).map(([id, balance]) => [Number(id), Number(balance)]));
  node.clock = new Map(Object.entries(entry.vc ?? {}).map(([id, seq]) => [Number(id), seq]));
  if (typeof issued === "number") node.issued = issued;
  node.balance = node.books.get(node.id) ?? node.balance;
}

function setBalance(node: NodeState, account: number, told: unknown, change: number): void {
  if (typeof told === "number") node.books.set(account, told);
  else if (node.books.has(account)) node.books.set(account, (node.books.get(account) ?? 0) + change);
  if (account === node.id && typeof told === "number") node.balance = told;
}

function foldHold(node: NodeState, entry: Entry, atMs: number): void {
  const { from, to, amount, record_seq: seq } = entry;
  if (from === undefined || seq === undefined) return;
  const key = keyOf(from, seq);
  if (entry.released === true) node.held.delete(key);
  else node.held.set(key, { key, from, to: to ?? 0, amount: amount ?? 0, sinceMs: atMs });
}

function foldStage(state: ClusterState, entry: Entry, id: string, atMs: number): void {
  const { from, to, amount, outcome } = entry;
  const known = state.trades.get(id);
  if (outcome === "committed") {
    if (from === undefined || to === undefined || amount === undefined) return;
    state.trades.set(id, { id, from, to, amount, stage: "committed", sinceMs: atMs });
  } else if (outcome === "rejected" || outcome === "expired") {
    if (known?.stage === "offered" && state.trades.delete(id)) state.refused += 1;
  } else if (outcome === undefined && known === undefined && from !== undefined && to !== undefined) {
    state.trades.set(id, { id, from, to, amount: amount ?? 0, stage: "offered", sinceMs: atMs });
  }
}

/** Names a record: number `seq` of account `from`. */
export function keyOf(from: number, seq: number): string {
  return `${from}/${seq}`;
}
