/** `chaos`: random faults under load, from a seed; then the promises are checked. */

import { type Command, Option } from "commander";
import { PROFILE_NAMES } from "../../../node/wire/profile.ts";
import { renderCommand } from "../../base/hint.ts";
import { NEXT } from "../../base/next.ts";
import type { ChaosFlags } from "../../chaos/chaos-options.ts";
import type { ChaosOutcome, ShrunkRun } from "../../chaos/run-chaos.ts";
import type { Written } from "../../report/write-down.ts";
import type { ScenarioRuntime } from "../../scenario/scenario-schema.ts";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

interface CommandFlags extends ChaosFlags {
  readonly on?: string;
  readonly report?: string;
  readonly wire: boolean;
  readonly shrink: boolean;
  readonly shrinkFor: string;
  readonly dryRun?: true;
  readonly bug?: string;
}

/** Seeds that are drawn stay short. */
const SEEDS_DRAWN = 1_000_000;

const NOTES: readonly Note[] = [
  "The seed decides everything: which nodes are killed, cut off, paused or delayed, when, and for how long. The schedule is written as a scenario file first, so that you can repeat every run: exactly in virtual time, as the same commands elsewhere.",
  [
    ["chaos", "a minute of chaos on a lab of five nodes of its own"],
    ["chaos --seed 42 --runtime sim", "the same minute in virtual time"],
    ["chaos --on shop --for 5m", "on a lab that exists, and stays"],
    ["run chaos-42.yaml", "the same faults again"],
  ],
  "At most --max-down nodes are down or paused at once, and every fault ends. At the end all nodes are brought back and must converge. A run that fails in virtual time is made as small as possible: chaos-42.min.yaml. Ctrl-C ends the faults early; the run is still judged.",
  "Exit codes: 0 every promise was kept, 5 one was broken, 7 the checks are inconclusive, 1 a step failed.",
];

export function registerChaosCommands(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("chaos")
      .helpGroup("Experiments:")
      .description("play random faults under load, then check every promise")
      .option("--seed <n>", "decides the schedule (default: a random one, which is printed)")
      .option("--for <span>", "length of the schedule (default: 60s)")
      .option("--nodes <count>", "size of the lab that is made (default: 5)")
      .addOption(new Option("--profile <name>", "timing of that lab (default: fast)").choices(PROFILE_NAMES))
      .option(
        "--kinds <list>",
        "kill, stop, restart, leave, pause, partition, isolate, netem, scale, election, unplug, restore, host: all nodes of a host at once, on a swarm (default: all but the last three)",
      )
      .option("--rate <n/s>", "faults a second (default: 0.5/s)")
      .option("--max-down <n>", "most nodes that are down or paused at once (default: a minority)")
      .option("--load <n/s>", "trades a second (default: 20/s)")
      .option("--network <what>", 'impair all links from beginning to end: "delay 20ms jitter 20ms loss 5%"')
      .addOption(new Option("--on <lab>", "use this lab, and leave it standing").conflicts(["nodes", "profile"]))
      .option("--report <dir>", "write a report and the scenario files into this folder")
      .option("--no-wire", "don't record every datagram in the journal")
      .option("--no-shrink", "don't make a failing run in virtual time smaller")
      .option("--shrink-for <span>", "time limit for making it smaller", "60s")
      .option("--bug <name>", "in virtual time: give all nodes this known bug, to see which check finds it")
      .option("--dry-run", "print the scenario, and play nothing")
      .action((flags: CommandFlags) => chaos(context, flags)),
    context.caller.prefix,
    NOTES,
  );
}

async function chaos(context: CommandContext, flags: CommandFlags): Promise<void> {
  const [{ parseChaosFlags }, { parseDuration }, { planScenario, runChaos }] = await Promise.all([
    import("../../chaos/chaos-options.ts"),
    import("../../base/duration.ts"),
    import("../../chaos/run-chaos.ts"),
  ]);
  const { printer, signal, progress } = context;
  const drawn = Math.floor(Math.random() * SEEDS_DRAWN);
  if (flags.dryRun === true && flags.on === undefined) {
    const { formatScenario } = await import("../../scenario/format-scenario.ts");
    const scenario = planScenario({ chaos: parseChaosFlags(flags, drawn), wire: flags.wire, existing: null });
    printer.data(scenario, formatScenario(scenario).trimEnd());
    return;
  }
  const { findTarget } = await import("../../chaos/target.ts");
  const { runtime, existing } = await findTarget({
    runtime: context.options.runtime,
    ...(flags.on === undefined ? {} : { on: flags.on }),
    signal,
    onFallback: (why) => printer.say(`lab: ${why}`),
  });
  const chaos = parseChaosFlags(flags, drawn, existing);
  context.finishOnInterrupt();
  const lines = await import("../ui/scenario-lines.ts");
  signal.addEventListener("abort", () => sayInterrupt(context, flags, runtime), { once: true });
  const outcome = await runChaos({
    ...{ chaos, runtime, existing, signal, progress },
    ...(context.options.isNamed ? { name: context.options.name } : {}),
    folder: flags.report ?? ".",
    ...(flags.bug === undefined ? {} : { bug: flags.bug }),
    wire: flags.wire,
    shrinkMs: flags.shrink ? parseDuration(flags.shrinkFor, "--shrink-for") : 0,
    onStart: (scenario) => {
      if (!printer.json) printer.data(null, lines.renderHeader(scenario, runtime));
    },
    onStep: (step, state) => {
      if (state === "begin") progress({ step: `step ${step.path}`, state: "info", detail: step.text });
      else if (!printer.json) printer.data(null, lines.renderStep(step, printer));
    },
  });
  printer.clear();
  const { writeDown } = await import("../../report/write-down.ts");
  await tell(context, outcome, await writeDown(outcome.result, outcome.realMs, flags.report ?? null));
}

function sayInterrupt(context: CommandContext, { on }: CommandFlags, runtime: ScenarioRuntime): void {
  context.printer.say(
    "ending early: the faults end, then the run is judged; Ctrl-C again ends it at once, and leaves the rest to you",
  );
  if (runtime !== "sim") context.next(on === undefined ? NEXT.listLabs() : NEXT.healAll(on));
}

/** Checks, verdict, where the scenario is, and what the shrunk one is like; the exit code tells the verdict. */
async function tell(context: CommandContext, outcome: ChaosOutcome, written: Written): Promise<void> {
  const [{ describeWritten }, { EXIT }, { exitOf }, { describeSize }, { renderSummary }] = await Promise.all([
    import("../../report/write-down.ts"),
    import("../../base/lab-error.ts"),
    import("../../scenario/result.ts"),
    import("../../chaos/reductions.ts"),
    import("../ui/scenario-lines.ts"),
  ]);
  const { printer } = context;
  const { schedule, file, again, result, shrunk, realMs } = outcome;
  const replay = renderCommand({ command: again });
  const { path: report, trouble } = written;
  const { journal, evidence: _evidence, scenario: _scenario, ...run } = result;
  const summary = renderSummary(result, { printer, realMs });
  const value = { ...run, file, replay, report, faults: schedule.events.length, entries: journal.entries.length };
  printer.data({ ...value, shrunk: shrunk === null ? null : describeShrunk(shrunk) }, summary);
  printer.say(`scenario: ${file}`);
  context.next(NEXT.playAgain(again));
  if (shrunk !== null) {
    const end = shrunk.isMinimal ? "no simpler schedule does" : "the time limit was reached";
    printer.say(`${shrunk.check} breaks with ${describeSize(shrunk.schedule)} too (${shrunk.attempts} runs, ${end})`);
    printer.say(`scenario: ${shrunk.file}`);
    context.next(NEXT.playAgain(shrunk.again));
  }
  const told = describeWritten(written);
  if (told !== null) printer.say(told);
  if (report !== null && written.isPlayable) context.next(NEXT.playRun(report));
  const code = EXIT[exitOf(result.verdict)];
  context.setExitCode(code === EXIT.ok && trouble !== null ? EXIT.failed : code);
}

function describeShrunk({ schedule, file, again, check, attempts, isMinimal }: ShrunkRun) {
  const { nodes, events, spanMs, tradesPerSecond } = schedule;
  const replay = renderCommand({ command: again });
  return { file, replay, check, attempts, isMinimal, nodes, faults: events.length, spanMs, tradesPerSecond };
}
