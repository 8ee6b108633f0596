/** `sim`: the protocol in virtual time, one schedule or many. */

import { type Command, Option } from "commander";
import { PROFILE_NAMES, type ProfileName } from "../../../node/wire/profile.ts";
import { renderCommand } from "../../base/hint.ts";
import { NEXT } from "../../base/next.ts";
import type { SimFailureDetails } from "../../sim/checks/sim-failure.ts";
import type { WorldChoice } from "../../sim/swarm/choice.ts";
import type { SwarmResult } from "../../sim/swarm/play-schedule.ts";
import type { SwarmReport } from "../../sim/threads/swarm-threads.ts";
import type { SimJournalLine } from "../../sim/world/sim-journal.ts";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

interface SimFlags {
  seed?: string;
  seeds?: string;
  nodes?: string;
  profile?: ProfileName;
  without?: string;
  moves?: string;
  trace?: boolean;
  keepGoing?: boolean;
  coverage?: boolean;
  workers?: string;
  only?: string;
  bugs?: string | true;
  shrink?: true;
  shrinkFor?: string;
}

const NOTES: readonly Note[] = [
  "Runs the nodes' own code in virtual time. The network, disks, clocks and crashes are modelled, and the seed decides them. While the faults last, every promise is checked at every step. Then the faults end, and the nodes must agree and have equal ledgers in time.",
  [
    ["sim --seed 7", "play one schedule, and show what happened in it"],
    ["sim --seed 7 --trace", "show every message too"],
    ["sim --seed 7 --shrink", "find the fewest actions of a failing schedule that still break the same promise"],
    ["sim --seeds 1-10000", "play many on all cores, until the first failure"],
    ["sim --bugs", "count how many schedules it takes until the right check names each known bug"],
  ],
  "Exit code 5: a promise was broken. The same seed of the same version always gives the same run.",
];

export function registerSimCommands(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("sim")
      .helpGroup("This machine:")
      .description("play random faults in virtual time and check every promise")
      .addOption(new Option("--seed <n>", "play this schedule").conflicts("seeds"))
      .option("--seeds <a-b>", "play these schedules")
      .option("--nodes <count>", "number of nodes (default: random, 2 to 12)")
      .addOption(new Option("--profile <name>", "timing (default: random)").choices(PROFILE_NAMES))
      .option("--without <rules>", "let all nodes break these rules of the protocol, to see what fails")
      .option("--moves <names>", "let the adversary make these moves only (none, or: lost-disks,stranger,...)")
      .option("--trace", "with --seed: print every message")
      .addOption(new Option("--only <actions>", "with --seed: play these of the schedule's actions only"))
      .option("--shrink", "with --seed: make a failing schedule smaller")
      .option("--shrink-for <span>", "time limit for that", "60s")
      .option("--bugs [names]", "hunt known bugs with the checks of journals, over --seeds, or from --seed on")
      .option("--coverage", "with --seeds: list the lines of the core that no schedule reached")
      .option("--keep-going", "with --seeds or --bugs: continue after a failure")
      .option("--workers <count>", "with --seeds or --bugs: number of threads (default: one for each core)")
      .action((flags: SimFlags) => sim(context, flags)),
    context.caller.prefix,
    NOTES,
  );
}

async function sim(context: CommandContext, flags: SimFlags): Promise<void> {
  const [{ LabError }, { parseCount }, { parseActions, parseMoves, parseRules, parseSeed, parseSeedRange }] =
    await Promise.all([
      import("../../base/lab-error.ts"),
      import("../../base/numbers.ts"),
      import("../../sim/swarm/choice.ts"),
    ]);
  const nodes = flags.nodes === undefined ? undefined : parseCount(flags.nodes, "--nodes", 2, 200);
  const workers = flags.workers === undefined ? undefined : parseCount(flags.workers, "--workers", 1, 256);
  const choice: WorldChoice = {
    ...(nodes === undefined ? {} : { nodes }),
    ...(flags.profile === undefined ? {} : { profile: flags.profile }),
    ...(flags.without === undefined ? {} : { without: parseRules(flags.without) }),
    ...(flags.moves === undefined ? {} : { moves: parseMoves(flags.moves) }),
    ...(flags.only === undefined ? {} : { only: parseActions(flags.only) }),
  };
  if (flags.bugs !== undefined) {
    const { showBugs } = await import("./bugs.ts");
    const range = flags.seeds === undefined ? null : parseSeedRange(flags.seeds, "--seeds");
    const from = range?.from ?? parseSeed(flags.seed ?? "1", "--seed");
    const within = range === null ? null : range.to - range.from + 1;
    await showBugs(context, { bugs: flags.bugs, from, within, ...(workers === undefined ? {} : { workers }) });
  } else if (flags.seeds === undefined && flags.shrink === true) {
    const { parseDuration } = await import("../../base/duration.ts");
    await shrinkOne(
      context,
      parseSeed(flags.seed ?? "1", "--seed"),
      choice,
      parseDuration(flags.shrinkFor ?? "60s", "--shrink-for"),
    );
  } else if (flags.seeds === undefined) {
    await playOne(context, parseSeed(flags.seed ?? "1", "--seed"), choice, flags.trace === true);
  } else {
    if (flags.trace) throw new LabError("usage", "--trace shows one schedule", "name it: --seed 7 --trace");
    if (flags.shrink) throw new LabError("usage", "--shrink is about one schedule", "name it: --seed 7 --shrink");
    if (flags.only !== undefined)
      throw new LabError("usage", "--only is about one schedule", "name it: --seed 7 --only 3");
    await playMany(context, {
      range: parseSeedRange(flags.seeds, "--seeds"),
      choice,
      keepGoing: flags.keepGoing === true,
      coverage: flags.coverage === true,
      ...(workers === undefined ? {} : { workers }),
    });
  }
}

async function playOne(context: CommandContext, seed: number, choice: WorldChoice, trace: boolean): Promise<void> {
  const [
    { runSwarm },
    { SimFailure },
    { createHeadlines, describeLine, isTold },
    { optionsOf, replayWords },
    { LabError },
  ] = await Promise.all([
    import("../../sim/swarm/play-schedule.ts"),
    import("../../sim/checks/sim-failure.ts"),
    import("../../sim/world/transcript.ts"),
    import("../../sim/swarm/choice.ts"),
    import("../../base/lab-error.ts"),
  ]);
  const { printer } = context;
  const startedAtMs = performance.now();
  try {
    const isHeadline = createHeadlines();
    const onLine = (line: SimJournalLine) => {
      if (trace) {
        if (printer.json || isTold(line)) printer.item(line, describeLine(line));
      } else if (!printer.json && isHeadline(line)) printer.item(null, describeLine(line));
    };
    const result = runSwarm(
      seed,
      { ...optionsOf(choice), wire: trace, fingerprint: true, onLine },
      { only: choice.only, moves: choice.moves },
    );
    const { formatDuration } = await import("../../base/duration.ts");
    const text = [
      `seed ${seed}: every promise held`,
      ...describePlayed(result),
      `  ${result.faults} faults, ${result.executed} of ${result.trades} trades executed, ${result.deliveries} deliveries`,
      `  after the heal: ${describeRecovery(result, formatDuration)}`,
      `  ${formatDuration(result.virtualMs)} of virtual time, ${result.events} events; journal ${result.fingerprint}`,
    ].join("\n");
    const value = { seed, verdict: "held", ...result };
    if (trace) printer.item(value, text);
    else printer.data(value, text);
    // Not on stdout, which is the same to the byte each time.
    if (!printer.json) printer.say(`played in ${formatDuration(performance.now() - startedAtMs)}`);
  } catch (error) {
    if (!(error instanceof SimFailure)) throw error;
    const { property, atMs, reason, states } = error.details;
    const again = replayWords(seed, choice);
    const replay = renderCommand({ command: [...again, "--trace"] });
    if (!printer.json) printer.say(states.join("\n"));
    throw new LabError(
      "invariantViolated",
      `seed ${seed}, at ${atMs.toFixed(1)} ms: ${describeFailure(property, reason)}`,
      trace
        ? "the transcript ends where it happened"
        : [NEXT.seeMessages(again), ...(choice.only === undefined ? [NEXT.makeSmaller(again)] : [])],
      { cause: error, details: { seed, property, atMs, reason, replay } },
    );
  }
}

function describeRecovery({ recovery }: SwarmResult, format: (ms: number) => string): string {
  if (recovery === null) return "what was lost can't be had back, and the nodes say so";
  const { leaderMs, ledgerMs, highestMs } = recovery;
  return `one coordinator in ${format(leaderMs)}, equal ledgers in ${format(ledgerMs)}, the highest leads in ${format(highestMs)}`;
}

/** The adversary's moves, and what came of a promise without its premise. */
function describePlayed({ moves, outside }: SwarmResult): string[] {
  const made = Object.entries(moves).map(([name, times]) => `${name} ${times} x`);
  return [
    ...(made.length === 0 ? [] : [`  moves: ${made.join(", ")}`]),
    ...(outside === null ? [] : [`  a promise without its premise broke: ${outside}`]),
  ];
}

/** The schedule fails: which of its actions are enough for that? */
async function shrinkOne(context: CommandContext, seed: number, choice: WorldChoice, forMs: number): Promise<void> {
  const [{ runSwarm }, { SimFailure }, { optionsOf, replayWords }, { shrinkSwarm }, { LabError }] = await Promise.all([
    import("../../sim/swarm/play-schedule.ts"),
    import("../../sim/checks/sim-failure.ts"),
    import("../../sim/swarm/choice.ts"),
    import("../../chaos/shrink-swarm.ts"),
    import("../../base/lab-error.ts"),
  ]);
  const { printer, progress, signal } = context;
  let failure: SimFailureDetails | null = null;
  try {
    runSwarm(seed, optionsOf(choice), { only: choice.only, moves: choice.moves });
  } catch (error) {
    if (!(error instanceof SimFailure)) throw error;
    failure = error.details;
  }
  if (failure === null) {
    printer.data({ seed, verdict: "held" }, `seed ${seed}: every promise held, so there is nothing to shrink`);
    return;
  }
  context.finishOnInterrupt();
  const { property, reason } = failure;
  const endsAtMs = performance.now() + forMs;
  const {
    value: only,
    attempts,
    isMinimal,
  } = await shrinkSwarm(seed, choice, {
    property,
    isOver: () => signal.aborted || performance.now() > endsAtMs,
    onSmaller: (actions, tried) =>
      progress({ step: "shrink", state: "info", detail: `${actions} actions are enough (${tried} runs)` }),
  });
  printer.clear();
  const again = replayWords(seed, { ...choice, only });
  const replay = renderCommand({ command: again });
  const end = isMinimal ? "none of them can be left out" : "there was no time for more";
  const enough = only.length === 1 ? "one action is" : `${only.length} actions are`;
  const text = `seed ${seed}: ${enough} enough to break ${property}, ${end} (${attempts} runs)`;
  printer.data({ seed, property, only, attempts, isMinimal, replay }, text);
  const details = { seed, property, reason, replay };
  throw new LabError("invariantViolated", describeFailure(property, reason), NEXT.seeMessages(again), { details });
}

async function playMany(
  context: CommandContext,
  request: {
    range: { from: number; to: number };
    choice: WorldChoice;
    keepGoing: boolean;
    coverage: boolean;
    workers?: number;
  },
): Promise<void> {
  const [{ runSeeds }, { replayWords }, { EXIT, LabError }, { renderBar }] = await Promise.all([
    import("../../sim/threads/swarm-threads.ts"),
    import("../../sim/swarm/choice.ts"),
    import("../../base/lab-error.ts"),
    import("../ui/bar.ts"),
  ]);
  const { printer, progress, signal } = context;
  context.finishOnInterrupt();
  const everyMs = printer.live ? 100 : 10_000;
  // The first word comes early: it tells how long the rest will take.
  let shownAtMs = performance.now() - everyMs + 1_000;
  const report = await runSeeds({
    ...request,
    signal,
    onPlayed: ({ played, total, failed, perSecond }) => {
      if (performance.now() - shownAtMs < everyMs) return;
      shownAtMs = performance.now();
      const bar = printer.live ? `${renderBar(played / total, 24)} ` : "";
      const trouble = failed === 0 ? "" : `, ${failed} failed`;
      progress({
        step: "swarm",
        state: "info",
        detail: `${bar}${played} of ${total}, ${perSecond.toFixed(0)}/s${trouble}`,
      });
    },
  });
  printer.clear();
  printer.data(report, describeReport(report));
  const [first] = report.failures;
  if (first !== undefined) {
    const again = replayWords(first.seed, request.choice);
    throw new LabError(
      "invariantViolated",
      `seed ${first.seed}, at ${first.atMs.toFixed(1)} ms: ${describeFailure(first.property, first.reason)}`,
      [NEXT.playAgain(again), NEXT.makeSmaller(again)],
      { details: { ...first } },
    );
  }
  if (signal.aborted) {
    printer.say("lab: interrupted; the other schedules weren't played");
    context.setExitCode(EXIT.interrupted);
  }
}

function describeReport(report: SwarmReport): string {
  const { range, passed, failures, recovery, seconds, perSecond, workers } = report;
  const total = range.to - range.from + 1;
  const played = passed + failures.length;
  const shown = failures
    .slice(0, 20)
    .map(({ seed, property, reason }) => `  seed ${seed}: ${describeFailure(property, reason)}`);
  const more = failures.length > shown.length ? [`  and ${failures.length - shown.length} more`] : [];
  return [
    `seeds ${range.from}-${range.to}: ${passed} passed, ${failures.length} failed${played < total ? `, ${total - played} not played` : ""}`,
    ...shown,
    ...more,
    `${report.tradesExecuted} trades executed, ${report.deliveries} deliveries, ${report.faults} faults`,
    ...describeMoves(report),
    ...describeCoverage(report),
    ...(recovery === null
      ? []
      : [
          `after the heal, ms (p50 / p99 / max): one coordinator ${describeSpread(recovery.leader)}, equal ledgers ${describeSpread(recovery.ledger)}, highest leads ${describeSpread(recovery.highest)}`,
        ]),
    `${seconds.toFixed(1)} s on ${workers} threads: ${perSecond.toFixed(1)} schedules/s, ${(report.virtualSeconds / seconds).toFixed(0)} x real time`,
  ].join("\n");
}

/** `stranger 31 (15 %) 4120 x`: in how many schedules, at which rate, how often in all. */
function describeMoves({ moves, rare, outside, stopped }: SwarmReport): string[] {
  const rows = Object.entries(moves).map(
    ([name, { rate, schedules, times }]) =>
      `  ${name.padEnd(14)} ${`${schedules}`.padStart(6)} schedules (rate ${(rate * 100).toFixed(0)} %), ${times} times`,
  );
  const end = `promises without their premises: broken in ${outside} schedules; in ${stopped} the group stopped and said why`;
  const events = Object.entries(rare).map(
    ([name, { schedules, times }]) => `  ${name.padEnd(20)} ${`${schedules}`.padStart(6)} schedules, ${times} times`,
  );
  return ["moves of the adversary:", ...rows, "rare events (counters of the nodes):", ...events, end];
}

function describeCoverage({ coverage }: SwarmReport): string[] {
  if (coverage === null) return [];
  const { lines, reached, unreached } = coverage;
  const share = ((100 * reached) / Math.max(1, lines)).toFixed(2);
  return [
    `reached of node/core, assertions aside: ${reached} of ${lines} lines (${share} %); not reached:`,
    ...unreached.map((line) => `  ${line}`),
  ];
}

function describeSpread({ p50, p99, max }: { p50: number; p99: number; max: number }): string {
  return [p50, p99, max].map((ms) => ms.toFixed(0)).join(" / ");
}

/** `S4: node 2 delivers …`; a reason that begins with the property already stays as it is. */
function describeFailure(property: string, reason: string): string {
  const [first = ""] = reason.split("\n");
  return first.startsWith(`${property}: `) ? first : `${property}: ${first}`;
}
