/**
 * Many small clusters, everything drawn from the seed. A seed that once failed is kept in REGRESSIONS for ever.
 */
import { expect, it } from "vitest";
import { replayCommand } from "../../lab/sim/swarm/choice.ts";
import { runSwarm, type SwarmResult } from "../../lab/sim/swarm/play-schedule.ts";
import { isExtended } from "../support/extended.ts";

/** A schedule with its moves and its aftermath takes a quarter of a second; the nights play thousands. */
const SEEDS = isExtended ? 300 : 40;
const SEEDS_PER_TEST = 20;

/** Seeds beyond those above that found a bug, each with what it was. */
const REGRESSIONS: Readonly<Record<number, string>> = {
  591: "leaving twice",
  667: "waiting for one's own back-off",
  832: "a checker that forgot what a lost disk alone had",
  1851: "processes on two disks that wrote within one millisecond, under one incarnation, mixed up by the order of the journal",
  3292: "a bound of detection that forgot how long a slow node waits for answers",
  4333: "debits that hang on one which the lost disk alone had",
  4660: "the same bound, with four nodes",
  4776: "the same bound, with bursts of loss",
  5022: "a healthy node, one of whose heartbeats was lost, taken down by the first word of one that had been cut off",
  5710: "a question put off by two seconds after a heal",
  6338: "refutations that were all lost",
  11364: "a new disk that the simulator gave the fault of the lost one: a real process would not have started on it",
  12500: "a second witness that was never heard",
  12509: "names of trades that nobody remembered after a lost disk",
  12618: "an account that came by JOIN and not to the debits that waited for it",
  13970: "names of trades that nobody remembered after a lost disk",
  15017: "names of trades that nobody remembered after a lost disk",
  200158: "a process too slow to see that its disk had failed before it was repaired",
  201230: "a lie that the judge took for a message of the node that spoke before",
  201894: "a node that waited for its own debit, which a promise to its former process held back everywhere",
  202165: "the same with another fault between",
  300248: "a rival of a lower incarnation that couldn't answer whether it is there",
  301159: "a second account that a person opened, whose numbers the judge took for the first one's",
  301352: "a debit that its payer was killed before naming, which the judge took for none",
  300993: "two accounts that had paid nothing, which no comparison of ledgers named",
  300770: "a liar that was missed after its end",
  15714: "a joiner in the longest pause between two JOINs, who heard the others and was heard by none",
};

function play(seed: number): SwarmResult {
  try {
    return runSwarm(seed);
  } catch (error) {
    throw new Error(`replay: npx ${replayCommand(seed)} --trace\n${(error as Error).message}`, { cause: error });
  }
}

for (let from = 1; from <= SEEDS; from += SEEDS_PER_TEST) {
  const to = from + SEEDS_PER_TEST - 1;
  it(`every promise must hold in the schedules ${from} to ${to}, and every cluster must heal`, {
    timeout: 180_000,
  }, () => {
    let executed = 0;
    let faults = 0;
    for (let seed = from; seed <= to; seed++) {
      const result = play(seed);
      executed += result.executed;
      faults += result.faults;
    }
    // The schedules must reach what they are for.
    expect(executed).toBeGreaterThan(100);
    expect(faults).toBeGreaterThan(100);
  });
}

it.each(Object.entries(REGRESSIONS))("seed %s must pass, which once found %s", { timeout: 60_000 }, (seed) => {
  play(Number(seed));
});

/**
 * Debits name all that came before them up to sixteen accounts, and their direct causes only above: few of the seeds draw so many nodes.
 */
const LARGE = [
  [7, 40],
  [1, 24],
  [3, 24],
  [25, 40],
  [2, 24],
  [4, 24],
] as const;
it.each(isExtended ? LARGE : LARGE.slice(0, 3))(
  "every promise must hold in schedule %i with %i nodes, whose debits name their direct causes only",
  {
    timeout: 120_000,
  },
  (seed, nodes) => {
    runSwarm(seed, { nodes });
  },
);
