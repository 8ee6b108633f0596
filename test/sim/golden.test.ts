/**
 * The textbook cases, word for word: what every node says and sends, compared with a committed transcript that a person has read.
 *
 * A transcript leaves out what goes on all the time (heartbeats, probes); its last line is the hash of the whole journal, in which
 * nothing is left out. So these files are also the proof that every supported version of Node plays a seed alike.
 *
 * After a change of the protocol: `npm run golden` renews them; read the diff before you commit it.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import type { SimJournalLine } from "../../lab/sim/world/sim-journal.ts";
import { describeLine, isTold } from "../../lab/sim/world/transcript.ts";
import { STORIES_OF_LIFE, type Story, settle } from "./golden-stories.ts";

const FOLDER = join(import.meta.dirname, "golden");
const BACKGROUND: ReadonlySet<string> = new Set(["HEARTBEAT", "PING", "PONG", "PING_REQ"]);

const TEXTBOOK: readonly Story[] = [
  {
    file: "first-election.txt",
    tells:
      "Three nodes start together, find each other and begin an election. The highest finds nobody above it, asks for votes, has a majority with the first, and tells all.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      begin();
      sim.startAll();
      sim.runUntil(() => sim.converged(), 5_000, "agreement");
    },
  },
  {
    file: "cascading-election.txt",
    tells:
      "Node 5 leads and dies. Before anybody noticed, node 1 is told to hold an election: the higher ones answer OK and name node 5, in which they still believe, so nothing changes. Then they miss it: suspected, failed. All begin an election and leave it to the highest of them, node 4. It dies as soon as it leads, and the same happens once more, with node 3.",
    options: { nodes: 5 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      sim.kill(5);
      sim.command(1, { op: "election" });
      sim.runUntil(() => sim.node(4).state?.election.role === "COORDINATOR", 3_000, "node 4 leading");
      sim.kill(4);
      sim.runUntil(() => sim.agree(), 5_000, "node 3 leading");
    },
  },
  {
    file: "late-joiner.txt",
    tells:
      "Nodes 1 and 2 have traded when node 3 starts for the first time. It is told the history before it is READY, and then, being the highest, takes over.",
    options: { nodes: 3, expected: [], voters: [1, 2] },
    play: (sim, begin) => {
      sim.start(1);
      sim.start(2);
      sim.runUntil(() => sim.converged(), 5_000, "agreement of two");
      sim.sell(1, 2, 30);
      sim.runFor(100);
      sim.sell(2, 1, 5);
      sim.runFor(500);
      begin();
      sim.start(3);
      sim.runUntil(() => sim.converged(), 5_000, "agreement of three");
    },
  },
  {
    file: "out-of-order-trades.txt",
    tells:
      "Node 1 pays node 2, which passes the money on to node 3. The first record takes long to node 3, so the second comes first there: it is held back, and node 3 asks who sent it for what it follows; both are delivered in the order of cause and effect.",
    options: { nodes: 3 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      sim.shapeLink(1, 3, { delayMs: 40 });
      sim.sell(1, 2, 60);
      sim.runUntil(() => sim.node(2).state?.ledger.accounts.get(2)?.balance === 160, 1_000, "the first trade");
      sim.sell(2, 3, 150);
      sim.runUntil(() => sim.converged(), 3_000, "equal ledgers");
    },
  },
  {
    file: "lost-confirmation.txt",
    tells:
      "Node 1 sells to node 2, and what it sends is lost for a moment, the confirmation among it. Nothing is undone: the debit is on disk, the confirmation is repeated until the buyer has it; it is credited once, and the seller learns that it was.",
    options: { nodes: 2 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      let isLosing = false;
      sim.onSend = (node, message) => {
        if (isLosing || node.slot !== 1 || message.message_type !== "TRADE_CONFIRM") return;
        isLosing = true;
        sim.cutOneWay(1, 2);
      };
      const trade = sim.sell(1, 2, 30);
      sim.runUntil(() => isLosing, 1_000, "the first confirmation");
      sim.runFor(60);
      sim.heal();
      sim.runUntil(() => trade.results.length > 2 && sim.converged(), 3_000, "equal ledgers");
    },
  },
  {
    file: "partition-and-heal.txt",
    tells:
      "Five nodes fall apart into 1, 2 and 3, 4, 5. The side of three keeps its elected coordinator; the side of two has a provisional one. Both trade. Healed, the two follow node 5 again, and all ledgers become equal.",
    options: { nodes: 5 },
    play: (sim, begin) => {
      settle(sim);
      begin();
      sim.partition([1, 2], [3, 4, 5]);
      sim.runUntil(() => sim.agree([1, 2]) && sim.agree([3, 4, 5]), 5_000, "agreement on each side");
      sim.sell(1, 2, 10);
      sim.sell(4, 3, 20);
      sim.runFor(100);
      sim.heal();
      sim.runUntil(() => sim.converged(), 5_000, "one cluster again");
    },
  },
];

test.each([...TEXTBOOK, ...STORIES_OF_LIFE])("$file must be played word for word", ({ file, tells, options, play }) => {
  const lines: SimJournalLine[] = [];
  const journal = createHash("sha256");
  let hasBegun = false;
  const sim = new SimCluster({
    nodes: 3,
    seed: 1,
    wire: true,
    ...options,
    onLine: (line) => {
      journal.update(`${JSON.stringify(line)}\n`);
      if (
        hasBegun &&
        isTold(line) &&
        !isForCheckers(line) &&
        !(line.kind === "send" || line.kind === "drop" ? BACKGROUND.has(line.type ?? "") : false)
      )
        lines.push(line);
    },
  });
  play(sim, () => {
    hasBegun = true;
  });
  const transcript = [
    ...wrap(tells).map((text) => `# ${text}`),
    "",
    ...lines.map(describeLine),
    "",
    `# journal sha256 ${journal.digest("hex")}`,
    "",
  ].join("\n");
  const path = join(FOLDER, file);
  if (process.env.GOLDEN === "write") writeFileSync(path, transcript);
  expect(transcript, "changed on purpose? npm run golden, and read the diff").toBe(readFileSync(path, "utf8"));
});

/** What nodes say for checkers only (node/core/ledger/testimony.ts). */
function isForCheckers(line: SimJournalLine): boolean {
  return [line.books, line.account, line.vote].some((field) => field !== undefined) || line.phase === "LEFT";
}

/** Lines of at most 110 characters. */
function wrap(text: string): string[] {
  return text.match(/.{1,110}(?: |$)/g)?.map((line) => line.trimEnd()) ?? [];
}
