/**
 * The `lab` command: parses the line, runs one command, prints its error, and says how the process exits.
 *
 * Idea: this is the only place that knows process, streams and exit codes. It imports commander and the verbs' outlines alone;
 * what a verb does is loaded when it runs, so `lab --help` costs a start of Node and little more.
 */

import { Command, CommanderError, Option } from "commander";
import packageFile from "../../package.json" with { type: "json" };
import { type Caller, renderHint, renderHints, STANDARD_LAB, toHints } from "../base/hint.ts";
import { EXIT, interrupted, LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import type { RuntimeChoice } from "../cluster/open-engine.ts";
import type { Progress } from "../engine/engine.ts";
import { calledAs, type Standard } from "./caller.ts";
import { registerCareCommands } from "./commands/care.ts";
import { registerChaosCommands } from "./commands/chaos.ts";
import { registerCheckCommands } from "./commands/check.ts";
import { registerClusterCommands } from "./commands/cluster.ts";
import { registerCompletionCommands } from "./commands/completion.ts";
import type { CapturedRun, CommandContext, GlobalOptions } from "./commands/context.ts";
import { registerDashCommands } from "./commands/dash.ts";
import { registerFaultCommands } from "./commands/faults.ts";
import { registerJournalCommands } from "./commands/journal.ts";
import { registerKeyCommands } from "./commands/keys.ts";
import { registerLifecycleCommands } from "./commands/lifecycle.ts";
import { registerReportCommands } from "./commands/report.ts";
import { registerScenarioCommands } from "./commands/scenario.ts";
import { registerShowCommands } from "./commands/show.ts";
import { registerSimCommands } from "./commands/sim.ts";
import { registerTalkCommands } from "./commands/talk.ts";
import { registerWatchCommands } from "./commands/watch.ts";
import { Printer, type Streams } from "./ui/printer.ts";
import { createProgress } from "./ui/progress.ts";

const RUNTIMES: readonly RuntimeChoice[] = ["docker", "local", "auto", "sim"];

/** Commands that open a simulated world of their own. */
const WITH_OWN_WORLD: readonly string[] = ["shell", "sim", "run", "chaos", "validate"];

const EXAMPLES = `
Examples:
  lab up --nodes 5                  five nodes; waits until they agree
  lab ps                            who leads, who has how much
  lab sell 1 2 30                   node 1 sells 30 credits to node 2
  lab kill leader                   and see the next one take over
  lab partition 1,2 3,4,5           cut the network in two; lab heal mends it
  lab up -f lab.yaml --name shop    another lab beside it, from a file
  lab down                          remove everything

A node is named by 3, 1,2, 1-3, leader, followers, random, random(2), majority, minority or all.
Exit codes: 0 ok, 1 failed, 2 usage, 3 no such lab or node, 4 engine unreachable, 5 invariant violated,
            6 not supported here, 7 inconclusive, 124 timed out, 130 interrupted.`;

interface Run {
  exitCode: number;
  mayFinish: boolean;
  /** A command that was typed at a prompt: the first Ctrl-C is for it. */
  foreground: AbortController | null;
}

/** Runs one command line and ends the process. */
export async function main(argv: readonly string[]): Promise<void> {
  // `lab logs | head`: whoever read us has had enough.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? EXIT.ok : EXIT.failed);
  });
  process.stderr.on("error", () => {});
  const interrupt = new AbortController();
  const run: Run = { exitCode: EXIT.ok, mayFinish: false, foreground: null };
  let onInterrupt: () => void = () => {};
  const interrupted = new Promise<void>((resolve) => {
    onInterrupt = resolve;
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (signal === "SIGINT" && run.foreground?.signal.aborted === false) {
        run.foreground.abort();
        return;
      }
      // The second time the user means it: what is left then, `lab down` removes.
      if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
      interrupt.abort();
      if (!run.mayFinish) onInterrupt();
    });
  }
  const outcome = await Promise.race([runLine(argv, run, interrupt.signal), interrupted.then(() => EXIT.interrupted)]);
  // A pipe that is read slowly still has some of the answer before it.
  await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
  process.exit(outcome);
}

/** Runs one command line; resolves to its exit code. */
async function runLine(
  argv: readonly string[],
  run: Run,
  signal: AbortSignal,
  { standard = standardOf(process.env), streams }: { standard?: Standard; streams?: Streams } = {},
): Promise<number> {
  run.exitCode = EXIT.ok;
  const raw = peekOptions(argv);
  const printer = new Printer(streams ?? { stdout: process.stdout, stderr: process.stderr }, {
    json: raw.json,
    environment: process.env,
  });
  const program = new Command("lab");
  const context = createContext(program, { printer, run, signal, standard });
  describeProgram(program, printer);
  registerClusterCommands(program, context);
  registerKeyCommands(program, context);
  registerShowCommands(program, context);
  registerWatchCommands(program, context);
  registerJournalCommands(program, context);
  registerTalkCommands(program, context, (line) =>
    runTyped(line, { prompt: run, signal, standard: standardOfPrompt(context.options) }),
  );
  registerCheckCommands(program, context);
  registerLifecycleCommands(program, context);
  registerFaultCommands(program, context);
  registerScenarioCommands(program, context);
  registerSimCommands(program, context);
  registerReportCommands(program, context);
  registerDashCommands(program, context, (line) => runCaptured(line, signal, context.caller));
  registerChaosCommands(program, context);
  registerCareCommands(program, context);
  registerCompletionCommands(program, context);
  program.hook("preAction", (_program, command) => assertSimulable(context, command));
  for (const command of program.commands) inheritOutput(command, program);
  if (argv.length === 0) {
    program.outputHelp();
    return EXIT.ok;
  }
  try {
    await program.parseAsync(argv, { from: "user" });
    printer.clear();
    return run.exitCode;
  } catch (error) {
    const isAborted = signal.aborted && error instanceof Error && error.name === "AbortError";
    const failure = isAborted ? interrupted("", error) : error;
    return report(failure, printer, { verbose: raw.verbose, caller: context.caller });
  }
}

/** Runs a command that was typed at the prompt of another: interrupted, it ends and the prompt is back. */
async function runTyped(
  argv: readonly string[],
  { prompt, signal, standard }: { prompt: Run; signal: AbortSignal; standard: Standard },
): Promise<number> {
  const foreground = new AbortController();
  prompt.foreground = foreground;
  try {
    const own: Run = { exitCode: EXIT.ok, mayFinish: true, foreground: null };
    return await runLine(argv, own, AbortSignal.any([signal, foreground.signal]), { standard });
  } finally {
    prompt.foreground = null;
  }
}

/** Runs one command line for the page. Its hints are for a terminal beside the one of `caller`. */
async function runCaptured(argv: readonly string[], signal: AbortSignal, caller: Caller): Promise<CapturedRun> {
  const texts = { stdout: "", stderr: "" };
  const collect = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      texts[name] += text;
    },
  });
  const streams = { stdout: collect("stdout"), stderr: collect("stderr") };
  const run: Run = { exitCode: EXIT.ok, mayFinish: true, foreground: null };
  const standard = { prefix: caller.prefix, lab: caller.standardLab, runtime: wordAfter(argv, "--runtime") };
  const exitCode = await runLine(argv, run, signal, { streams, standard });
  return { exitCode, ...texts };
}

function describeProgram(program: Command, printer: Printer): void {
  program
    .description("Run clusters of peers that trade energy credits, and break them.")
    .usage("[options] <command>")
    .option("-n, --name <lab>", "which lab (or LAB_NAME)", process.env.LAB_NAME || STANDARD_LAB)
    .addOption(
      new Option("--runtime <where>", "docker, local, auto, or sim for run, chaos and shell (or LAB_RUNTIME)").choices(
        RUNTIMES,
      ),
    )
    .addOption(new Option("-o, --output <format>", "text or json").choices(["text", "json"]).default("text"))
    .option("--verbose", "show where an error comes from")
    .version(packageFile.version, "--version", "show the version")
    .helpOption("-h, --help", "show help")
    .addHelpCommand(
      new Command("help").argument("[command]").description("show help for a command").helpGroup("This machine:"),
    )
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeErr: (text) => printer.raw(text),
      // Printed by `report`, in the same form as every other error.
      outputError: () => {},
    });
}

/** A simulated lab lives in one process: a command that doesn't open one has nothing to work on, and says so before it touches anything. */
async function assertSimulable(context: CommandContext, command: Command): Promise<void> {
  if (context.options.runtime !== "sim" || WITH_OWN_WORLD.includes(command.name())) return;
  const { currentSimEngine } = await import("../engine/sim/sim-session.ts");
  currentSimEngine();
}

/** Subcommands are made before these are set, and commander copies them only then. */
function inheritOutput(command: Command, program: Command): void {
  command.copyInheritedSettings(program);
  command.helpOption("-h, --help", "show help");
  for (const child of command.commands) inheritOutput(child, program);
}

interface ContextParts {
  readonly printer: Printer;
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly standard: Standard;
}

function createContext(program: Command, { printer, run, signal, standard }: ContextParts): CommandContext {
  const progress: Progress = createProgress(printer, undefined, (hint) =>
    renderHint(hint, callerOf(program, standard)),
  );
  return {
    get caller() {
      return callerOf(program, standard);
    },
    next(hints) {
      for (const hint of toHints(hints)) printer.say(renderHint(hint, callerOf(program, standard)));
    },
    get options() {
      return readOptions(program);
    },
    printer,
    progress,
    signal,
    async withLab(action) {
      const { LabHandle } = await import("../cluster/lab-handle.ts");
      const { name, runtime } = readOptions(program);
      await using lab = await LabHandle.open(name, { runtime, progress, signal });
      return await action(lab);
    },
    onReason: (step) => (detail) => progress({ step, state: "info", detail }),
    finishOnInterrupt() {
      run.mayFinish = true;
    },
    setExitCode(code) {
      run.exitCode = code;
    },
  };
}

/** What a command means that is typed at a terminal without options. */
function standardOf(environment: NodeJS.ProcessEnv): Standard {
  return {
    prefix: calledAs(process.argv[1] ?? "", environment),
    lab: environment.LAB_NAME || STANDARD_LAB,
    runtime: environment.LAB_RUNTIME || null,
  };
}

/** The prompt of `lab shell` takes the word `lab` and adds its own lab and runtime. */
function standardOfPrompt({ name, runtime, isRuntimeNamed }: GlobalOptions): Standard {
  return { prefix: "lab", lab: name, runtime: isRuntimeNamed ? runtime : null };
}

function callerOf(program: Command, standard: Standard): Caller {
  const { name, runtime } = program.opts<{ name: string; runtime?: string }>();
  const isNamed = runtime !== undefined && runtime !== standard.runtime;
  return {
    prefix: standard.prefix,
    lab: name,
    standardLab: standard.lab,
    runtime: isNamed ? runtime : null,
  };
}

function readOptions(program: Command): GlobalOptions {
  const { name, runtime, output, verbose } = program.opts<{
    name: string;
    runtime?: string;
    output: "text" | "json";
    verbose?: boolean;
  }>();
  const fromEnvironment = process.env.LAB_RUNTIME;
  const chosen = runtime ?? fromEnvironment;
  const choice = RUNTIMES.find((runtime) => runtime === chosen);
  if (chosen !== undefined && chosen !== "" && choice === undefined) {
    throw new LabError("usage", `LAB_RUNTIME is "${chosen}"`, "use docker, local, auto or sim");
  }
  return {
    name,
    isNamed: program.getOptionValueSource("name") !== "default" || (process.env.LAB_NAME ?? "") !== "",
    runtime: choice ?? "auto",
    isRuntimeNamed: chosen !== undefined && chosen !== "",
    output,
    verbose: verbose === true,
  };
}

/** How to print, before the line is parsed: also what is wrong with it is printed. */
function peekOptions(line: readonly string[]): { json: boolean; verbose: boolean } {
  const end = line.indexOf("--");
  const argv = end < 0 ? line : line.slice(0, end);
  const inline = argv.some((word) => word === "-ojson" || word === "--output=json");
  const isJson = [wordAfter(argv, "-o"), wordAfter(argv, "--output")].includes("json");
  return { json: inline || isJson, verbose: argv.includes("--verbose") };
}

/** The word behind `option`; null: the option isn't there. */
function wordAfter(argv: readonly string[], option: string): string | null {
  const at = argv.indexOf(option);
  return at < 0 ? null : (argv[at + 1] ?? null);
}

/** What happened, and a line for each thing to do about it. With -o json the same as one JSON value on stderr. */
function report(error: unknown, printer: Printer, { verbose, caller }: { verbose: boolean; caller: Caller }): number {
  printer.clear();
  const failure = error instanceof CommanderError ? explainUsage(error) : error;
  if (failure === null) return EXIT.ok;
  if (failure instanceof LabError) {
    if (printer.json) {
      const { exit, message, hints, details } = failure;
      const hint = renderHints(hints, caller);
      printer.say(JSON.stringify({ error: { exit: EXIT[exit], name: exit, message, hint, ...details } }));
    } else {
      printer.say(`lab: ${failure.message}`);
      for (const hint of failure.hints) printer.say(`  ${renderHint(hint, caller)}`);
    }
    if (verbose) printer.say(describeStack(failure));
    return EXIT[failure.exit];
  }
  // A bug of ours: its stack is the most useful thing that can be said.
  printer.say(`lab: ${failure instanceof Error ? failure.message : String(failure)}`);
  printer.say(verbose ? describeStack(failure) : "  this is a bug in lab; the same with --verbose shows where");
  return EXIT.failed;
}

/** Commander's complaint in our form; null for what isn't one (help was shown). */
function explainUsage(error: CommanderError): LabError | null {
  if (error.exitCode === 0) return null;
  // `lab help nonsense` and a bare group show help and fail without a message.
  if (error.code === "commander.help") return null;
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /\(Did you mean (.+)\?\)/.exec(rest.join(" "))?.[1];
  const hint = suggestion === undefined ? NEXT.listCommands() : `did you mean ${suggestion}?`;
  return new LabError("usage", first.replaceAll("'", '"'), hint);
}

function describeStack(error: unknown): string {
  const parts: string[] = [];
  for (let current = error; current instanceof Error; current = current.cause)
    parts.push(current.stack ?? current.message);
  return parts.join("\ncaused by: ");
}
