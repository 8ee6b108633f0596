/** `chaos`: random faults under load, from a seed; then the promises are checked. */
import { type Command, Option } from "commander";
import type { ChaosFlags } from "../chaos/options.ts";
import type { ChaosOutcome, ShrunkRun } from "../chaos/run.ts";
import type { LoadSummary, StepResult } from "../scenario/result.ts";
import type { ScenarioRuntime } from "../scenario/schema.ts";
import type { CommandContext } from "./context.ts";

interface CommandFlags extends ChaosFlags {
  readonly on?: string;
  readonly report?: string;
  readonly wire: boolean;
  readonly shrink: boolean;
  readonly shrinkFor: string;
  readonly dryRun?: true;
}

/** Seeds that are drawn stay short. */
const SEEDS_DRAWN = 1_000_000;

const HELP = `
The seed decides all: who is killed, cut off, paused or delayed, when, and for how long. The schedule is written as a
scenario file first, so that every run can be repeated: exactly in virtual time, as the same commands elsewhere.

  lab chaos                            a minute of it on five nodes of its own
  lab chaos --seed 42 --runtime sim    the same minute in virtual time
  lab chaos --on shop --for 5m         on a lab that exists; it stays
  lab run chaos-42.yaml                the same faults again

Never more than --max-down nodes are down or paused at once, every fault ends, and at the end everything is brought back
and must converge. What fails in virtual time is made as small as it gets: chaos-42.min.yaml. Ctrl-C ends the faults early;
the run is judged all the same.
Exit codes: 0 every promise was kept, 5 one was broken, 7 the journal can't tell, 1 a step failed.`;

export function registerChaosCommands(program: Command, context: CommandContext): void {
  program
    .command("chaos")
    .helpGroup("Experiments:")
    .description("random faults from a seed, under load; then check every promise")
    .option("--seed <n>", "decides the schedule (default: drawn, and printed)")
    .option("--for <span>", "how long (default: 60s)")
    .option("--nodes <count>", "of the lab that is made (default: 5)")
    .addOption(new Option("--profile <name>", "its timing (default: fast)").choices(["default", "fast"]))
    .option("--kinds <list>", "kill, stop, restart, leave, pause, partition, isolate, netem, scale, election, unplug")
    .option("--rate <n/s>", "faults a second (default: 0.5/s)")
    .option("--max-down <n>", "nodes down or paused at once (default: a minority)")
    .option("--load <n/s>", "trades a second meanwhile (default: 20/s)")
    .addOption(new Option("--on <lab>", "a lab that exists, instead of one of its own").conflicts(["nodes", "profile"]))
    .option("--report <dir>", "put a report there, with the scenario files")
    .option("--no-wire", "don't journal every datagram")
    .option("--no-shrink", "leave a failing run of virtual time as it is")
    .option("--shrink-for <span>", "how long making it smaller may take", "60s")
    .option("--dry-run", "print the scenario, do nothing")
    .addHelpText("after", HELP)
    .action((flags: CommandFlags) => chaos(context, flags));
}

async function chaos(context: CommandContext, flags: CommandFlags): Promise<void> {
  const [{ parseChaosFlags }, { parseDuration }, { planScenario, runChaos }] = await Promise.all([
    import("../chaos/options.ts"),
    import("../duration.ts"),
    import("../chaos/run.ts"),
  ]);
  const { printer, signal, progress } = context;
  const drawn = Math.floor(Math.random() * SEEDS_DRAWN);
  if (flags.dryRun === true && flags.on === undefined) {
    const { formatScenario } = await import("../scenario/format.ts");
    const scenario = planScenario({ chaos: parseChaosFlags(flags, drawn), wire: flags.wire, existing: null });
    printer.data(scenario, formatScenario(scenario).trimEnd());
    return;
  }
  const { findTarget } = await import("../chaos/target.ts");
  const { runtime, existing } = await findTarget({
    runtime: context.options.runtime,
    ...(flags.on === undefined ? {} : { on: flags.on }),
    signal,
    onFallback: (why) => printer.say(`lab: ${why}`),
  });
  const chaos = parseChaosFlags(flags, drawn, existing);
  context.finishOnInterrupt();
  const name = flags.on ?? (context.options.isNamed ? context.options.name : `chaos-${chaos.seed}`);
  signal.addEventListener("abort", () => printer.say(describeInterrupt(name, runtime)), { once: true });
  const outcome = await runChaos({
    chaos,
    runtime,
    name,
    existing,
    folder: flags.report ?? ".",
    wire: flags.wire,
    shrinkMs: flags.shrink ? parseDuration(flags.shrinkFor, "--shrink-for") : 0,
    signal,
    progress,
    onStep: (step, state) => {
      if (state === "end") printer.say(describeStep(step));
    },
  });
  printer.clear();
  await tell(context, outcome);
}

function describeInterrupt(name: string, runtime: ScenarioRuntime): string {
  const left = runtime === "sim" ? "" : `; what is left then: lab down --name ${name}`;
  return `ending early: faults end, the run is judged (Ctrl-C again: at once${left})`;
}

function describeStep({ path, startedMs, text, state, resolved, seen }: StepResult): string {
  const said = [resolved, seen].filter((part) => part !== "").join("; ");
  const outcome = state === "ok" ? said : `${state}${said === "" ? "" : `: ${said}`}`;
  return `${(startedMs / 1_000).toFixed(1).padStart(7)} s  ${path.padStart(5)}  ${text}${outcome === "" ? "" : `  (${outcome})`}`;
}

/** The verdict as data; a run that wasn't valid ends with its error. */
async function tell(context: CommandContext, outcome: ChaosOutcome): Promise<void> {
  const [{ LabError }, { exitOf }, { describeSize }] = await Promise.all([
    import("../errors.ts"),
    import("../scenario/result.ts"),
    import("../chaos/reductions.ts"),
  ]);
  const { schedule, file, replay, result, shrunk } = outcome;
  const { verdict, reason, runtime, lab, loads, checks, steps, tookMs } = result;
  const smaller =
    shrunk === null
      ? []
      : [
          `shrunk to ${describeSize(shrunk.schedule)} in ${shrunk.attempts} runs${shrunk.isMinimal ? "" : ", then the time was over"}`,
          `scenario: ${shrunk.file}; again: ${shrunk.replay}`,
        ];
  context.printer.data(
    {
      ...{ seed: schedule.seed, verdict, reason, runtime, lab, tookMs, file, replay, loads, steps },
      faults: schedule.events.length,
      checks: checks.map(({ check, verdict: found, detail }) => ({ check, verdict: found, detail })),
      shrunk:
        shrunk === null
          ? null
          : { ...{ file: shrunk.file, replay: shrunk.replay, check: shrunk.check }, ...sizesOf(shrunk) },
    },
    [`${describeRun(outcome)}: ${verdict}`, `scenario: ${file}; again: ${replay}`, ...smaller].join("\n"),
  );
  const exit = exitOf(verdict);
  if (exit === "ok") return;
  throw new LabError(exit, reason, `play it again: ${shrunk?.replay ?? replay}`, { details: { seed: schedule.seed } });
}

function sizesOf({ schedule, attempts, isMinimal }: ShrunkRun) {
  const { nodes, events, spanMs, tradesPerSecond } = schedule;
  return { nodes, faults: events.length, spanMs, tradesPerSecond, attempts, isMinimal };
}

/** "seed 42 on sim: 12 faults in 20 s, 401 trades (369 settled, 32 refused, 0 open), 10 checks" */
function describeRun({ schedule, result }: ChaosOutcome): string {
  const { loads, checks, runtime } = result;
  const sum = (pick: (load: LoadSummary) => number) => loads.reduce((total, load) => total + pick(load), 0);
  const settled = `${sum((load) => load.settled)} settled, ${sum((load) => load.refused)} refused, ${sum((load) => load.open)} open`;
  const trades = `${sum((load) => load.offered)} trades (${settled})`;
  return `seed ${schedule.seed} on ${runtime}: ${schedule.events.length} faults in ${schedule.spanMs / 1_000} s, ${trades}, ${checks.length} checks`;
}
