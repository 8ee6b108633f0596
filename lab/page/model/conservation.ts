/**
 * Is every credit there, at every node? Each node's copy of the ledger must add up to what was issued; what payers have paid and payees
 * haven't got yet is on its way and stands apart.
 */
import type { ClusterState, NodeState } from "./cluster-state.ts";
import { isUp } from "./cluster-state.ts";

export interface Conservation {
  /** What all accounts began with. */
  readonly issued: number;
  /** Own words of the nodes that have said something, dead ones' last words included. */
  readonly held: number;
  /** Paid and not yet received. */
  readonly inFlight: number;
  /** By node: what its copy adds up to; null: it can't be known from this journal. */
  readonly sums: ReadonlyMap<number, number | null>;
  /** Nodes whose copy doesn't add up. */
  readonly wrong: readonly number[];
  /** `unknown`: nothing was issued yet, or the journal doesn't tell. */
  readonly light: "kept" | "broken" | "unknown";
  readonly text: string;
}

/**
 * @param words what nodes said of their copies when they were asked; used where the journal doesn't tell
 * @param isLate the journal begins in the middle: what was issued, and what copies held, it doesn't tell
 */
export function judgeConservation(
  state: ClusterState,
  words: ReadonlyMap<number, number> = new Map(),
  isLate = false,
): Conservation {
  if (isLate) return compareWords(state, words);
  const issued = [...state.accounts.values()].reduce((sum, initial) => sum + initial, 0);
  const sums = new Map<number, number | null>();
  const wrong: number[] = [];
  for (const node of state.nodes.values()) {
    if (!isUp(node)) continue;
    const told = node.books.size > 0;
    const sum = told ? sumOf(node) : (words.get(node.id) ?? null);
    sums.set(node.id, sum);
    // A joining node doesn't know all accounts yet: its copy must add up to those that it knows.
    if (sum !== null && sum !== (told ? node.issued : issued)) wrong.push(node.id);
  }
  const inFlight = [...state.trades.values()]
    .filter((trade) => trade.stage === "committed")
    .reduce((sum, trade) => sum + trade.amount, 0);
  const held = [...state.nodes.values()].reduce((sum, node) => sum + (node.balance ?? 0), 0);
  const known = [...sums.values()].filter((sum) => sum !== null).length;
  const facts = { issued, held, inFlight, sums, wrong };
  if (issued === 0 || known === 0) return { ...facts, light: "unknown", text: "no copy is known yet" };
  if (wrong.length === 0) return { ...facts, light: "kept", text: `every copy adds up, at each of ${known} nodes` };
  const whose = wrong.length === 1 ? "the copy of node" : "the copies of nodes";
  const text = `${whose} ${wrong.join(", ")} ${wrong.length === 1 ? "doesn't" : "don't"} add up to ${issued}`;
  return { ...facts, light: "broken", text };
}

/** Each copy's sum never changes, so copies with one sum have lost nothing since they were one. */
function compareWords(state: ClusterState, words: ReadonlyMap<number, number>): Conservation {
  const up = [...state.nodes.values()].filter((node) => isUp(node));
  const sums = new Map(up.map(({ id }) => [id, words.get(id) ?? null]));
  const told = [...sums].flatMap(([id, sum]) => (sum === null ? [] : [{ id, sum }]));
  const issued = told[0]?.sum ?? 0;
  const wrong = told.filter(({ sum }) => sum !== issued).map(({ id }) => id);
  const held = [...state.nodes.values()].reduce((sum, node) => sum + (node.balance ?? 0), 0);
  const facts = { issued, held, inFlight: 0, sums, wrong };
  if (told.length === 0) return { ...facts, light: "unknown", text: "no copy is known yet" };
  if (wrong.length === 0) return { ...facts, light: "kept", text: `all ${told.length} copies have the same sum` };
  return {
    ...facts,
    light: "broken",
    text: `copies differ: ${told.map(({ id, sum }) => `${sum} at ${id}`).join(", ")}`,
  };
}

function sumOf(node: NodeState): number {
  let sum = 0;
  for (const balance of node.books.values()) sum += balance;
  return sum;
}
