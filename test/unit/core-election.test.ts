// Elections: votes, claims, deference, preemption, quorum (node/protocol/election.md).
import { describe, expect, test } from "vitest";
import { compareClaims } from "../../node/core/election/claims.ts";
import { calmNeededMs } from "../../node/core/election/preemption.ts";
import type { Row } from "../../node/core/kernel/rows.ts";
import { TIMING_FAST } from "../../node/core/kernel/timing.ts";
import { CoreNode, genesisOf, originOf } from "../support/core-node.ts";

const T = TIMING_FAST;
const FIVE = [1, 2, 3, 4, 5];
const ALL_BUT_5 = { voters: FIVE };

/** Node `id` of five, READY, following 5 in term 1; all others heard. */
function follower(id: number, config = {}): CoreNode {
  return CoreNode.ready(
    id,
    { ...ALL_BUT_5, ...config },
    FIVE.filter((other) => other !== id),
  );
}

function fail(node: CoreNode, ...ids: number[]): void {
  for (const id of ids) {
    const member = node.state.members.get(id);
    if (member !== undefined) member.state = "FAILED";
  }
  node.feed({ type: "tick" });
}

function vote(node: CoreNode, from: number, term: number, granted = true, seen_term = term): void {
  const asked = { candidate: node.state.self.id, round_term: term };
  const claim = { coordinator_id: null, term: 0, elected: false };
  node.receive(from, "OK", { kind: "vote", granted, ...asked, seen_term, ...claim });
}

/** Rows by transaction. */
function written(node: CoreNode): (readonly Row[])[] {
  return node.effects.flatMap((effect) => (effect.type === "persist" ? [effect.rows] : []));
}

function askVote(node: CoreNode, from: number, term: number, patience = 0): void {
  node.receive(from, "ELECTION", { kind: "vote", term, patience });
}

describe("claims", () => {
  test("must be ordered by (elected, term, id)", () => {
    const claim = (elected: boolean, term: number, coordinator_id: number) => ({ elected, term, coordinator_id });
    const rising = [claim(false, 1, 5), claim(false, 9, 1), claim(false, 9, 2), claim(true, 1, 1), claim(true, 2, 1)];
    for (const [i, a] of rising.entries())
      for (const [j, b] of rising.entries()) expect(Math.sign(compareClaims(a, b))).toBe(Math.sign(i - j));
  });

  test("the greater must be followed, the lesser corrected, and the term adopted durably", () => {
    const node = follower(3);
    node.beat(4, { coordinator_id: 4, term: 7, elected: true });
    expect(node.state.election).toMatchObject({ coordinator: 4, claimTerm: 7, term: 7, elected: true });
    expect(node.lines()).toContain("Accepted Node 4 as coordinator");
    expect(node.effects).toContainEqual(
      expect.objectContaining({ type: "persist", rows: [{ table: "vote", term: 7, votedFor: null, abstains: false }] }),
    );
    node.beat(5, { coordinator_id: 5, term: 6, elected: true });
    expect(node.state.election.coordinator).toBe(4);
  });

  test("of a provisional coordinator must say so", () => {
    const node = follower(3);
    fail(node, 5);
    node.beat(4, { coordinator_id: 4, term: 1, elected: false });
    expect(node.lines()).toContain("Accepted Node 4 as coordinator (provisional: no quorum)");
  });
});

describe("a coordinator whose store failed", () => {
  test("must lead no more, and say so at once", () => {
    const node = CoreNode.ready(5);
    expect(node.state.election.role).toBe("COORDINATOR");
    node.clear();
    node.feed({ type: "storeFailed", writeId: 99, reason: "database or disk is full" });
    expect(node.state.phase).toBe("HALTED");
    expect(node.state.election).toMatchObject({ role: "FOLLOWER", coordinator: null });
    node.run(20);
    expect(node.sent("HEARTBEAT")[0]).toMatchObject({ payload: { phase: "HALTED", coordinator_id: null } });
    node.beat(3, { coordinator_id: 3, term: 2, elected: true });
    expect(node.state.election.coordinator).toBe(3);
  });

  test("must be replaced, and not be believed at second hand", () => {
    const node = follower(3);
    const { coordinator } = node.state.election;
    expect(coordinator).toBe(5);
    node.beat(5, { phase: "HALTED", coordinator_id: 5, term: 1, elected: true });
    expect(node.state.election.coordinator).toBeNull();
    node.beat(2, { coordinator_id: 5, term: 1, elected: true });
    expect(node.state.election.coordinator).toBeNull();
    expect(node.lines()).toContain("Coordinator Node 5 is halted, starting election");
  });
});

describe("a voter", () => {
  test("must make its vote durable before it says so", () => {
    const node = follower(3);
    node.store();
    node.clear();
    askVote(node, 4, 2);
    expect(node.sent("OK")).toEqual([]);
    expect(node.effects).toContainEqual(
      expect.objectContaining({ type: "persist", rows: [{ table: "vote", term: 2, votedFor: 4, abstains: false }] }),
    );
    node.store();
    expect(node.sent("OK")[0]).toMatchObject({ to: 4, payload: { kind: "vote", granted: true, round_term: 2 } });
  });

  test("must give one vote a term, and repeat it to the same candidate", () => {
    const node = follower(3);
    askVote(node, 4, 2);
    node.store();
    node.clear();
    askVote(node, 5, 2);
    askVote(node, 4, 2);
    expect(node.sent("OK").map((sent) => [sent.to, sent.payload.granted])).toEqual([
      [5, false],
      [4, true],
    ]);
  });

  test("must remember its vote across a restart", () => {
    const recovered = { term: 4, votedFor: 2, accounts: [genesisOf(3)], records: [], intents: [] };
    const node = new CoreNode(3, ALL_BUT_5, { incarnation: 2 }, recovered);
    node.feed({ type: "start" });
    node.clear();
    // On its way in it doesn't answer; then it does.
    askVote(node, 5, 4);
    expect(node.sent("OK")).toEqual([]);
    node.run(node.state.config.timing.heartbeatTimeoutMs + 5);
    expect(node.sent("OK")[0]?.payload).toMatchObject({ granted: false, round_term: 4 });
  });

  test("that is higher and READY must refuse, and stand itself, until the candidate's patience is 2", () => {
    const node = follower(4, { preempt: false });
    fail(node, 5);
    node.state.election.candidacy = null;
    node.clear();
    askVote(node, 3, 9, 1);
    expect(node.sent("OK")[0]?.payload).toMatchObject({ kind: "vote", granted: false });
    askVote(node, 3, 11, 2);
    node.store();
    expect(node.sent("OK").at(-1)?.payload).toMatchObject({ granted: true, round_term: 11 });
  });

  test("with an empty disk must not vote before it knows whether it is a new node", () => {
    const node = new CoreNode(3, ALL_BUT_5);
    node.feed({ type: "start" });
    askVote(node, 4, 7);
    node.store();
    expect(node.sent("OK")).toEqual([]);
    expect(node.state.election.votedFor).toBeNull();
  });

  test("with an empty disk must abstain until a majority of the other voters told their terms", () => {
    const node = new CoreNode(3, ALL_BUT_5);
    node.feed({ type: "start" });
    node.answerJoin(2, { account: genesisOf(3), seen_term: 6 });
    askVote(node, 2, 7);
    node.store();
    expect(node.sent("OK").every((sent) => !sent.payload.granted)).toBe(true);
    // A voter that abstains itself, or is on its way in, tells no term.
    node.answerJoin(4, { account: genesisOf(3) });
    node.answerJoin(1, { account: genesisOf(3), seen_term: 8 });
    node.answerJoin(4, { account: genesisOf(3), seen_term: 5 });
    expect(node.state.election).toMatchObject({ abstaining: false, term: 8 });
    // The account is on its way back: no vote in SYNCING.
    expect(node.state.phase).toBe("SYNCING");
    askVote(node.clear(), 2, 9);
    node.store();
    expect(node.sent("OK")).toEqual([]);
  });

  test("that abstains must have it on disk with its account, go on so after a restart, and write down when it ends", () => {
    const first = new CoreNode(3, ALL_BUT_5);
    first.feed({ type: "start" });
    first.answerJoin(2, { account: genesisOf(3), seen_term: 6 });
    const adoption = written(first).find((rows) => rows.some(({ table }) => table === "account"));
    expect(adoption).toContainEqual(expect.objectContaining({ table: "vote", abstains: true }));

    const recovered = { term: 6, votedFor: null, abstains: true, accounts: [genesisOf(3)], records: [], intents: [] };
    const next = new CoreNode(3, ALL_BUT_5, {}, recovered);
    next.feed({ type: "start" });
    next.run(next.state.config.timing.discoveryMs + 5);
    askVote(next, 2, 7);
    next.store();
    expect(next.sent("OK").map((sent) => sent.payload.granted)).toEqual([false]);
    expect(written(next).flat()).toContainEqual({ table: "vote", term: 7, votedFor: null, abstains: true });
    for (const id of [1, 2, 4]) next.answerJoin(id, { account: genesisOf(3), seen_term: 7 });
    expect(written(next).flat().at(-1)).toEqual({ table: "vote", term: 7, votedFor: 3, abstains: false });
    askVote(next.clear(), 2, 8, 2);
    next.store();
    expect(next.sent("OK").map((sent) => sent.payload.granted)).toEqual([true]);
  });
});

describe("a candidate", () => {
  test("that is the highest live one must stand at once, win a majority and announce itself three times", () => {
    const node = follower(4);
    node.store();
    fail(node.clear(), 5);
    expect(node.sent("ELECTION")).toEqual([]);
    node.store();
    expect(node.sent("ELECTION").map((sent) => [sent.to, sent.payload.kind, sent.payload.term])).toEqual(
      [1, 2, 3, 5].map((id) => [id, "vote", 2]),
    );
    vote(node, 1, 2);
    expect(node.state.election.role).toBe("CANDIDATE");
    vote(node, 1, 2);
    expect(node.state.election.role).toBe("CANDIDATE");
    vote(node, 2, 2);
    expect(node.state.election).toMatchObject({ role: "COORDINATOR", coordinator: 4, claimTerm: 2, elected: true });
    node.run(100);
    expect(node.sent("COORDINATOR").filter((sent) => sent.to === null).length).toBe(3);
    expect(node.lines()).toEqual([
      "LEADER FAILED - triggering election",
      "========== STARTING ELECTION ==========",
      "No higher-priority nodes, declaring self as coordinator",
      "I am now the COORDINATOR",
      "COORDINATOR message broadcast (reliable) - I am the new leader!",
    ]);
  });

  test("must give up when it sees a higher term while its ballot is being written", () => {
    const node = follower(4);
    node.store();
    fail(node, 5);
    askVote(node, 3, 9, 2);
    node.clear().store();
    expect(node.sent("ELECTION")).toEqual([]);
    expect(node.state.election.role).toBe("FOLLOWER");
  });

  test("must ask higher nodes first, wait for the coordinator when one answers, and lose patience in the end", () => {
    const node = follower(3);
    fail(node.clear(), 5);
    node.run(T.rankDelayMs + 1);
    expect(node.lines()).toContain("Sending ELECTION to higher nodes: [4]");
    expect(node.sent("ELECTION")[0]).toMatchObject({ to: 4, payload: { kind: "alive", patience: 0 } });
    node.receive(4, "OK", {
      kind: "alive",
      granted: true,
      candidate: 3,
      round_term: 1,
      seen_term: 1,
      coordinator_id: null,
      term: 1,
      elected: false,
    });
    expect(node.state.election.candidacy?.stage).toBe("waiting");
    // Node 4 says that it is alive and never leads.
    for (let n = 0; n < 30 && node.state.election.candidacy?.stage !== "voting"; n++) {
      for (const id of [1, 2, 4]) node.receive(id, "PING", { nonce: "0".repeat(16), rumours: [] });
      node.run(100);
    }
    expect(node.lines()).toContain("No OK received (timeout), declaring self as coordinator");
    expect(node.sent("ELECTION").some((sent) => sent.payload.kind === "vote" && sent.payload.patience === 2)).toBe(
      true,
    );
  });

  test("without a majority in sight must claim provisionally under the known term, not a new one", () => {
    const node = follower(4);
    fail(node.clear(), 5, 3, 2);
    expect(node.state.election).toMatchObject({ role: "COORDINATOR", claimTerm: 1, elected: false });
    expect(node.lines()).toContain("I am now the COORDINATOR (provisional: no quorum)");
    expect(node.sent("ELECTION")).toEqual([]);
  });

  test("without a majority of votes must follow the live elected coordinator that a voter names", () => {
    const node = follower(4);
    fail(node, 5);
    node.store();
    const asked = { candidate: 4, round_term: 2, seen_term: 2 };
    const claim = { coordinator_id: 3, term: 2, elected: true };
    node.receive(1, "OK", { kind: "vote", granted: false, ...asked, ...claim });
    for (let n = 0; n < 8; n++) {
      for (const id of [1, 2, 3]) node.receive(id, "PING", { nonce: "0".repeat(16), rumours: [] });
      node.run(50);
    }
    expect(node.state.election).toMatchObject({ role: "FOLLOWER", coordinator: 3, elected: true });
  });

  test("without declared voters must lead provisionally in a new term", () => {
    const node = CoreNode.ready(1);
    expect(node.state.election).toMatchObject({ role: "COORDINATOR", coordinator: 1, claimTerm: 1, elected: false });
    expect(node.lines()[1]).toContain("Node 1 is READY");
    expect(node.lines()).toContain("No coordinator known, starting election");
  });
});

describe("a higher node", () => {
  test("must answer ELECTION with OK, and lead if nobody does", () => {
    const node = follower(4);
    fail(node, 5);
    node.state.election.quietUntilMs = node.nowMs + 10_000;
    node.state.election.candidacy = null;
    node.clear().receive(3, "ELECTION", { kind: "alive", term: 1, patience: 0 });
    expect(node.lines()).toContain("Sending OK to Node 3 (we have higher priority)");
    expect(node.lines()).toContain("========== STARTING ELECTION ==========");
    expect(node.sent("OK")[0]).toMatchObject({ to: 3, payload: { kind: "alive", granted: true } });
  });

  test("must not stand against a live elected coordinator because a lower node asks", () => {
    const node = follower(4);
    node.clear().receive(3, "ELECTION", { kind: "alive", term: 1, patience: 0 });
    expect(node.sent("OK")[0]?.payload).toMatchObject({ coordinator_id: 5, elected: true });
    expect(node.state.election.candidacy).toBeNull();
  });
});

describe("the coordinator's end", () => {
  test("by LEAVE must start an election at once", () => {
    const node = follower(4);
    node.clear().receive(5, "LEAVE", { msg_id: "l" });
    expect(node.lines().slice(0, 3)).toEqual([
      "Node 5 is leaving",
      "Coordinator left, starting election",
      "========== STARTING ELECTION ==========",
    ]);
  });

  test("by a restart must start one too: the new process leads nobody", () => {
    const node = follower(4);
    node.clear().join(originOf(5, { bootId: "9".repeat(16), incarnation: 2 }));
    expect(node.lines()).toContain("Coordinator Node 5 restarted, starting election");
  });
});

/** Lets the group live on, everybody following `coordinator`. */
function live(node: CoreNode, spanMs: number, claim: { coordinator_id: number; term: number; elected: boolean }): void {
  const others = FIVE.filter((id) => id !== node.state.self.id && node.peer(id) === "ALIVE");
  for (let passedMs = 0; passedMs < spanMs; passedMs += 20) {
    for (const id of others) node.beat(id, claim);
    node.run(20);
  }
}

describe("preemption", () => {
  const incumbent = { coordinator_id: 3, term: 4, elected: true };

  function higher(config = {}): CoreNode {
    const node = follower(5, config);
    node.beat(3, incumbent);
    expect(node.state.election.coordinator).toBe(3);
    return node.clear();
  }

  test("must come after a calm heartbeat interval, not before", () => {
    const node = higher();
    live(node, T.heartbeatMs - 60, incumbent);
    expect(node.sent("ELECTION")).toEqual([]);
    live(node, 200, incumbent);
    expect(node.sent("ELECTION")[0]?.payload).toMatchObject({ kind: "vote", term: 5 });
  });

  test("must never come with DS_PREEMPT=0", () => {
    const node = higher({ preempt: false });
    live(node, 20 * T.heartbeatMs, incumbent);
    expect(node.sent("ELECTION")).toEqual([]);
  });

  test("must wait twice as long for each leadership lost within a minute, 60 s at most; a single one is a partition's", () => {
    const node = higher();
    const { defeatsAtMs } = node.state.election;
    node.state.nowMs = node.nowMs;
    expect(calmNeededMs(node.state)).toBe(T.heartbeatMs);
    defeatsAtMs.push(node.nowMs);
    expect(calmNeededMs(node.state)).toBe(T.heartbeatMs);
    defeatsAtMs.push(node.nowMs);
    expect(calmNeededMs(node.state)).toBe(4 * T.heartbeatMs);
    for (let n = 0; n < 6; n++) defeatsAtMs.push(node.nowMs);
    expect(calmNeededMs(node.state)).toBe(60_000);
    node.state.nowMs = node.nowMs + 60_001;
    expect(calmNeededMs(node.state)).toBe(T.heartbeatMs);
  });
});

describe("an elected coordinator", () => {
  function leader(): CoreNode {
    const node = follower(5);
    node.beat(4, { coordinator_id: null, term: 1, elected: false });
    live(node, 100, { coordinator_id: 5, term: 2, elected: true });
    for (let n = 0; n < 10 && node.state.election.candidacy?.stage !== "voting"; n++) node.run(20);
    for (const id of [1, 2]) vote(node, id, node.state.election.term);
    expect(node.state.election).toMatchObject({ role: "COORDINATOR", elected: true });
    return node.clear();
  }

  test("must call itself provisional when a majority of the voters is silent, and elected again when they follow it", () => {
    const node = leader();
    const { claimTerm } = node.state.election;
    node.run(T.suspicionMinMs + 4 * T.probeIntervalMs);
    expect(node.state.election).toMatchObject({ role: "COORDINATOR", elected: false, claimTerm });
    expect(node.lines()).toContain("Lost sight of a majority of the voters (provisional: no quorum)");
    for (const id of [1, 2, 3, 4]) node.beat(id, { coordinator_id: 5, term: claimTerm, elected: true, rinc: 1 });
    live(node, 300, { coordinator_id: 5, term: claimTerm, elected: true });
    expect(node.state.election).toMatchObject({ elected: true, claimTerm });
  });

  test("must step down for a later term that it hears of after it was frozen", () => {
    const node = leader();
    node.nowMs += 20_000;
    node.feed({ type: "resumed", frozenMs: 20_000 });
    expect(node.state.election.elected).toBe(false);
    const successor = { coordinator_id: 4, term: 99, elected: true };
    node.beat(4, successor);
    expect(node.state.election).toMatchObject({ role: "FOLLOWER", coordinator: 4, claimTerm: 99, elected: true });
    expect(node.lines().filter((line) => /SUSPECTED|FAILED/.test(line))).toEqual([]);
  });

  test("must tell a lesser coordinator who leads", () => {
    const node = leader();
    node.beat(3, { coordinator_id: 3, term: 50, elected: false });
    expect(node.sent("COORDINATOR")[0]).toMatchObject({ to: 3, payload: { coordinator_id: 5, elected: true } });
    expect(node.state.election.coordinator).toBe(5);
  });
});

describe("a fault", () => {
  test("of the store must end candidacies and votes, not the process", () => {
    const node = follower(4);
    node.feed({ type: "storeFailed", writeId: 1, reason: "disk full" });
    fail(node.clear(), 5);
    askVote(node, 3, 9, 2);
    expect(node.sent("OK")).toEqual([]);
    expect(node.sent("ELECTION")).toEqual([]);
    expect(node.state.election.role).toBe("FOLLOWER");
  });

  test("command «election» must start one and say so", () => {
    const node = follower(5);
    node.clear().feed({ type: "command", command: { op: "election", requestId: "r" } });
    expect(node.lines()).toContain("========== STARTING ELECTION ==========");
    expect(node.effects).toContainEqual(expect.objectContaining({ type: "reply", requestId: "r", final: true }));
  });
});
