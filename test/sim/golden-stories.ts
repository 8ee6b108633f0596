/** The stories of the golden transcripts about coming, going and failing; the textbook cases of trades and elections are in golden.test.ts. */
import type { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import type { SimOptions } from "../../lab/sim/cluster/sim-options.ts";

export interface Story {
  readonly file: string;
  /** The point of the transcript, for its reader. */
  readonly tells: string;
  readonly options: Partial<SimOptions>;
  /** From which moment on it is told; before that the stage is set. */
  readonly play: (sim: SimCluster, begin: () => void) => void;
}

/** A cluster that agrees, and whose joins are over. */
export function settle(sim: SimCluster): void {
  sim.startAll();
  sim.runUntil(() => sim.converged(), 5_000, "agreement");
  sim.runFor(1_000);
}

/** Pays one credit around the ring, again and again. */
function trade(sim: SimCluster, count: number, ids: readonly number[]): void {
  for (let i = 0; i < count; i++) {
    const paid = sim.sell(ids[i % ids.length] as number, ids[(i + 1) % ids.length] as number, 1);
    sim.runUntil(() => paid.final !== null, 1_000, "a trade");
  }
}

const LEADERS: readonly Story[] = [
  {
    file: "preemption.txt",
    tells:
      "Node 3 was away and node 2 leads. Node 3 comes back, is told who leads, and gets what it missed. It waits until the group has been calm for one heartbeat, and takes over: node 2 steps down.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      settle(sim);
      sim.kill(3);
      sim.runUntil(() => sim.agree(), 3_000, "node 2 leading");
      sim.runFor(1_000);
      begin();
      sim.start(3);
      sim.runUntil(() => sim.converged(), 5_000, "node 3 leading");
    },
  },
  {
    file: "provisional-coordinator.txt",
    tells:
      "Of five voters three die. The two that are left can't elect anybody: node 2 leads them, and says that it is provisional. Then node 3 comes back, which makes three of five, and is elected.",
    options: { nodes: 5 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      for (const id of [3, 4, 5]) sim.kill(id);
      sim.runUntil(() => sim.agree(), 5_000, "node 2 leading");
      sim.runFor(500);
      sim.start(3);
      sim.runUntil(() => sim.agree() && sim.node(3).state?.election.elected === true, 5_000, "node 3 elected");
    },
  },
  {
    file: "frozen-leader.txt",
    tells:
      "Node 3 leads and is frozen. The others miss it and elect node 2. When it goes on, it notices that it did not run for a while: it calls itself provisional, blames nobody for the silence, hears of node 2's term, and takes over again when all is calm.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      sim.freeze(3);
      sim.runUntil(() => sim.agree(), 3_000, "node 2 leading");
      sim.runFor(500);
      sim.resume(3);
      sim.runUntil(() => sim.converged(), 5_000, "node 3 leading again");
    },
  },
  {
    file: "one-way-link.txt",
    tells:
      "Node 1 hears nothing of node 3, which leads, but node 3 hears node 1. Node 2 vouches for node 3 when node 1 asks, so nobody is declared failed (node 1 only wonders whether node 3 takes it for a former process, and says JOIN again), and the trades of node 3 reach node 1 all the same: it asks node 2 for them.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      sim.cutOneWay(3, 1);
      sim.runFor(1_500);
      sim.sell(3, 2, 10);
      sim.runUntil(() => sim.node(1).state?.ledger.durable.get(3) === 1, 3_000, "the record at node 1");
      sim.heal();
      sim.runUntil(() => sim.converged(), 3_000, "equal ledgers");
    },
  },
  {
    file: "connected-majority.txt",
    tells:
      "Most links between six nodes work in one direction only. Nodes 1, 2 and 4, a majority of the five voters, hear each other. All follow node 6 as provisional: it stands again and again, can't hear enough votes, and never wins. At last voters that follow it stand themselves and let nobody go first (here the story begins), and one is elected.",
    options: { nodes: 6, voters: [1, 2, 3, 4, 5], seed: 4 },
    play: (sim, begin) => {
      settle(sim);
      for (const cut of "1>6 2>3 2>5 3>6 4>3 4>5 5>3 5>4 5>6 6>2".split(" "))
        sim.cutOneWay(Number(cut[0]), Number(cut[2]));
      const isTired = (id: number) => {
        const election = sim.node(id).state?.election;
        return election?.coordinator === 6 && election.role === "CANDIDATE" && election.patience > 1;
      };
      sim.runUntil(() => [1, 2, 4].some(isTired), 10_000, "a voter that stands itself");
      begin();
      const isLed = (id: number) => sim.node(id).state?.election.elected === true;
      sim.runUntil(() => [1, 2, 4].every(isLed), 10_000, "an elected coordinator");
    },
  },
];

const COMING_AND_GOING: readonly Story[] = [
  {
    file: "leave.txt",
    tells:
      "Node 3 leads, has just paid, and is stopped. It waits until the others have its payment on disk, says LEAVE three times, and ends. The others take its word for it: no suspicion, and node 2 leads at once.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      const paid = sim.sell(3, 1, 10);
      sim.runUntil(() => paid.results.length > 1, 1_000, "the payment");
      sim.stop(3);
      sim.runUntil(() => sim.node(3).status === "down" && sim.agree(), 5_000, "node 2 leading");
    },
  },
  {
    file: "duplicate-id.txt",
    tells:
      "A second process calls itself node 2, at another address. Those who know node 2 ask it at its old address; it answers, so the newcomer is refused, and told by node 2 itself. It ends and names both addresses.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      sim.add(2, 102);
      sim.start(102);
      sim.runUntil(() => sim.node(102).status === "down", 3_000, "the newcomer's end");
      sim.runFor(100);
    },
  },
  {
    file: "snapshot-join.txt",
    tells:
      "Nodes 1, 2 and 3 have traded for long and keep only the records of the recent past. Node 4 starts for the first time: it gets the sums of what is past as a snapshot, and the records since as records.",
    options: { nodes: 4, voters: [1, 2, 3], expected: [], keepRecords: 4 },
    play: (sim, begin) => {
      for (const id of [1, 2, 3]) sim.start(id);
      sim.runUntil(() => sim.converged(), 5_000, "agreement of three");
      trade(sim, 12, [1, 2, 3]);
      sim.runUntil(() => (sim.node(1).state?.ledger.dropped ?? 0) > 0, 10_000, "compaction");
      sim.runFor(1_000);
      begin();
      sim.start(4);
      sim.runUntil(() => sim.converged(), 5_000, "agreement of four");
    },
  },
  {
    file: "clock-went-back.txt",
    tells:
      "Node 2 has no disk, so it takes its incarnation from the clock. It is started again when that clock has gone back by a day. The others take it for a former process and say which incarnation they know; it takes the next one, and gets its account back.",
    options: { nodes: 3, durable: false },
    play: (sim, begin) => {
      settle(sim);
      sim.sell(2, 1, 10);
      sim.runFor(200);
      sim.kill(2);
      sim.runFor(3_000);
      sim.node(2).clockErrorMs = -86_400_000;
      begin();
      sim.start(2);
      sim.runUntil(() => sim.converged(), 5_000, "its return");
    },
  },
  {
    file: "backup-put-back.txt",
    tells:
      "An older copy of node 2's disk is put back: it knows nothing of its last boot, nor of the 60 credits that it has paid since. The others refuse it as a former process. It takes the next incarnation and is READY only when it has its own payment back, so what it hasn't got any more it can't spend: 90 credits are refused.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      settle(sim);
      const backup = sim.saveDisk(2);
      sim.restart(2);
      sim.runUntil(() => sim.converged(), 5_000, "its return");
      sim.runFor(1_000);
      sim.sell(2, 1, 60);
      sim.runFor(500);
      sim.restoreDisk(2, backup);
      begin();
      sim.start(2);
      sim.runUntil(() => sim.node(2).state?.phase === "READY", 3_000, "READY");
      sim.sell(2, 3, 90);
      sim.runUntil(() => sim.converged(), 3_000, "equal ledgers");
    },
  },
];

const REPAIRS: readonly Story[] = [
  {
    file: "two-halves-without-multicast.txt",
    tells:
      "Four nodes know each other by their addresses only. They fall apart for a while, and each half holds the other one FAILED. After the heal nobody speaks to those that are held FAILED, but for a call now and then: such calls are answered with refutations, and those bring back all.",
    options: { nodes: 4, multicast: false },
    play: (sim, begin) => {
      settle(sim);
      sim.partition([1, 2], [3, 4]);
      sim.runFor(6_000);
      begin();
      sim.heal();
      sim.runUntil(() => sim.converged(), 5_000, "one cluster");
    },
  },
  {
    file: "late-nak.txt",
    tells:
      "A payment from node 1 to node 2 never reaches node 3. Then node 1 dies. Node 3 sees in node 2's heartbeat that a record is missing, asks node 2, and gets it: every node that has a record can repair it.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      sim.cutOneWay(1, 3);
      sim.cutOneWay(2, 3);
      const paid = sim.sell(1, 2, 10);
      sim.runUntil(() => paid.final !== null, 1_000, "the trade");
      sim.kill(1);
      sim.heal();
      sim.runUntil(() => sim.node(3).state?.ledger.durable.get(1) === 1, 3_000, "the record at node 3");
    },
  },
  {
    file: "buy-in-doubt.txt",
    tells:
      "Node 1 buys from node 2, which is cut off at that moment. After ten seconds without an answer node 1 can't know whether node 2 has paid: the trade is in doubt. When node 2 is there again, node 1 asks it to refuse what it hasn't paid. Node 2 does so, for ever, and the doubt is over.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      let isCut = false;
      sim.onSend = (_node, message) => {
        if (isCut || message.message_type !== "TRADE_REQUEST") return;
        isCut = true;
        sim.isolate(2);
      };
      const bought = sim.buy(1, 2, 10);
      sim.runUntil(() => bought.final !== null, 12_000, "doubt");
      sim.heal();
      sim.runUntil(() => sim.converged(), 5_000, "the end of the doubt");
    },
  },
  {
    file: "lost-disk.txt",
    tells:
      "Node 2 has paid, and its disk is replaced by an empty one. Others know its account, so it mints none: it gets its log back and is RECOVERING, may be paid and not pay. When all have promised to deliver nothing else of its old log, it says by a fence where the log goes on, and is READY.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      settle(sim);
      sim.sell(2, 1, 30);
      sim.runFor(500);
      begin();
      sim.loseDisk(2);
      sim.start(2);
      sim.runUntil(() => sim.converged(), 10_000, "its recovery");
    },
  },
];

export const STORIES_OF_LIFE: readonly Story[] = [...LEADERS, ...COMING_AND_GOING, ...REPAIRS];
