/** Two accounts for one id, found, told and settled; and the votes of a voter whose account a person opened (node/protocol/joining.md). */
import { describe, expect, test } from "vitest";
import { awaitedTerms } from "../../node/core/election/abstention.ts";
import { TIMING_FAST } from "../../node/core/kernel/timing.ts";
import { ledgerHash } from "../../node/core/ledger/ledger.ts";
import { waitingText } from "../../node/core/recovery/awaited.ts";
import { CoreNode, genesisOf } from "../support/core-node.ts";

const T = TIMING_FAST;
const OTHER = "f".repeat(16);

/** Node 1, READY beside nodes 2 and 3 and with their accounts on its disk. */
function ready(): CoreNode {
  const node = CoreNode.ready(1, {}, [3, 2]);
  for (const id of [2, 3]) node.join(id, { account: genesisOf(id) });
  node.store();
  return node.clear();
}

/** The same when it has compared nothing for a while. */
function rested(): CoreNode {
  const node = ready();
  node.run(5_000);
  return node.clear();
}

const rowsSent = (node: CoreNode) =>
  node.sent("HASHES").map(({ to, payload }) => [to, payload.answer, payload.rows.map((row: { id: number }) => row.id)]);

describe("an account without debits", () => {
  test("must be compared with a node that names it and has another ledger, once in five seconds", () => {
    const node = rested();
    node.beat(2, {
      digest: new Map([
        [1, 0],
        [3, 0],
      ]),
      ledger_hash: "a".repeat(16),
    });
    expect(rowsSent(node)).toEqual([[2, false, [1, 3]]]);
    node.clear().beat(2, { digest: new Map([[1, 0]]), ledger_hash: "a".repeat(16) });
    expect(rowsSent(node)).toEqual([]);
    node.run(5_000);
    node.clear().beat(2, { digest: new Map([[1, 0]]), ledger_hash: "a".repeat(16) });
    expect(rowsSent(node)).toEqual([[2, false, [1]]]);
  });

  test("must not be compared where ledgers are equal, or where nothing is named", () => {
    const node = rested();
    node.beat(2, { digest: new Map([[1, 0]]), ledger_hash: ledgerHash(node.state) });
    node.beat(3, { digest: new Map(), ledger_hash: "a".repeat(16) });
    expect(node.sent("HASHES").filter(({ payload }) => payload.rows.length > 0)).toEqual([]);
  });

  test("must be told when a peer knows another one, and the peer be shown this one", () => {
    const node = ready();
    node.receive(2, "HASHES", { rows: [{ id: 3, seq: 0, hash: OTHER, fenced: 0 }], answer: false });
    expect(node.lines().filter((line) => line.includes("two accounts"))).toEqual([
      expect.stringContaining("Node 3 has two accounts: Node 2 knows another one than this node"),
    ]);
    expect(rowsSent(node)).toEqual([[2, true, [3]]]);
    expect(node.sent("JOIN")).toEqual([]);
    expect(node.state.causal.diverged.size).toBe(0);
    node.clear().receive(2, "HASHES", { rows: [{ id: 3, seq: 0, hash: OTHER, fenced: 0 }], answer: true });
    expect([rowsSent(node), node.lines()]).toEqual([[], []]);
  });

  test("must be let alone when the hash is the same, or the account isn't known here", () => {
    const node = rested();
    node.beat(2, { digest: new Map([[1, 0]]), ledger_hash: "a".repeat(16) });
    const rows = node.sent("HASHES").flatMap(({ payload }) => payload.rows);
    expect(rows).toHaveLength(1);
    node.clear().receive(3, "HASHES", { rows: [...rows, { id: 9, seq: 0, hash: OTHER, fenced: 0 }], answer: false });
    expect(node.sent("HASHES")).toEqual([]);
    expect(node.lines().filter((line) => line.includes("two accounts"))).toEqual([]);
  });

  test("must make its owner ask what the peer knows", () => {
    const node = ready();
    node.receive(2, "HASHES", { rows: [{ id: 1, seq: 0, hash: OTHER, fenced: 0 }], answer: true });
    expect(node.sent("JOIN").map(({ to, payload }) => [to, payload.account?.nonce])).toEqual([[2, genesisOf(1).nonce]]);
  });
});

describe("two accounts of this node", () => {
  const conflict = (node: CoreNode, from: number, nonce = OTHER) =>
    node.answerJoin(from, { refused: "ACCOUNT_CONFLICT", account: genesisOf(1, nonce) });

  test("must end it when more nodes know the other one", () => {
    const node = ready();
    for (const id of [2, 3]) conflict(node, id);
    node.run(T.discoveryMs + 5);
    expect(node.state.phase).toBe("CONFLICT");
    expect(node.lines().at(-1)).toContain("CONFLICT: most nodes know another account of Node 1");
    expect(waitingText(node.state)).toBe("");
  });

  test("must leave it running when more know this one: by an answer, or by a ledger that is equal now", () => {
    const node = ready();
    conflict(node, 2);
    node.answerJoin(3, { account: genesisOf(1) });
    node.run(T.discoveryMs + 5);
    expect(node.lines()).toContain("Some nodes know another account of Node 1; most know this one");

    const other = ready();
    for (const id of [2, 3]) conflict(other, id);
    for (const id of [2, 3]) other.beat(id, { ledger_hash: ledgerHash(other.state), digest: new Map() });
    other.run(T.discoveryMs + 5);
    expect(other.state.phase).toBe("READY");
  });

  test.each([
    ["0".repeat(15).concat("0"), "CONFLICT"],
    [OTHER, "READY"],
  ])("must be decided by the smaller nonce where as many know each: %s", (nonce, phase) => {
    const node = ready();
    conflict(node, 2, nonce);
    node.run(T.discoveryMs + 5);
    expect(node.state.phase).toBe(phase);
  });
});

describe("a voter whose account a person opened", () => {
  const VOTERS = [1, 2, 3];

  function opened(): CoreNode {
    const node = new CoreNode(1, { voters: VOTERS, expected: VOTERS });
    node.feed({ type: "start" });
    node.run(2_000);
    node.feed({ type: "command", command: { op: "recover", requestId: "r1", acceptLoss: true } });
    node.run(2_000);
    expect(node.state.phase).toBe("READY");
    return node.clear();
  }

  test("must not vote, and have that on its disk with the account", () => {
    const node = new CoreNode(1, { voters: VOTERS, expected: VOTERS });
    node.feed({ type: "start" });
    node.run(2_000);
    const effects = node.feed({ type: "command", command: { op: "recover", requestId: "r1", acceptLoss: true } });
    node.run(0, false);
    const rows = [...effects, ...node.effects].flatMap((effect) => (effect.type === "persist" ? effect.rows : []));
    expect(rows).toContainEqual({ table: "vote", term: 0, votedFor: null, abstains: true });
    const voter = opened();
    voter.join(2, { account: genesisOf(2) });
    voter.store();
    voter.clear().receive(2, "ELECTION", { kind: "vote", term: 1, patience: 0 });
    voter.store();
    expect(voter.sent("OK").filter(({ payload }) => payload.granted)).toEqual([]);
  });

  test("must vote when all voters that are there have told their terms, and in later ones only", () => {
    const node = opened();
    for (const id of [2, 3]) node.beat(id, { phase: "READY" });
    node.answerJoin(2, { account: null, seen_term: 4 });
    expect([node.state.election.abstaining, awaitedTerms(node.state)]).toEqual([true, [3]]);
    node.answerJoin(3, { account: null, seen_term: 7 });
    node.store();
    expect(node.state.election).toMatchObject({ abstaining: false, term: 7, votedFor: 1 });
  });

  test("must not wait for those that are away", () => {
    const node = opened();
    node.beat(2, { phase: "READY" });
    node.answerJoin(2, { account: null, seen_term: 4 });
    expect(node.state.election.abstaining).toBe(false);
  });

  test("must tell its own term, so that several such can begin a group", () => {
    const node = opened();
    node.join(2);
    node.store();
    node.run(1_000);
    expect(node.sent("JOIN_RESPONSE").map(({ payload }) => payload.seen_term)).toContain(0);
  });
});
