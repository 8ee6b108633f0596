/**
 * The `lab` command: parses the line, runs one command, prints its error, and says how the process exits.
 *
 * Idea: this is the only place that knows process, streams and exit codes. It imports commander and the verbs' outlines alone;
 * what a verb does is loaded when it runs, so `lab --help` costs a start of Node and little more.
 */

import { Command, CommanderError, Option } from "commander";
import packageFile from "../../package.json" with { type: "json" };
import { EXIT, LabError } from "../base/lab-error.ts";
import type { RuntimeChoice } from "../cluster/open-engine.ts";
import type { Progress } from "../engine/engine.ts";
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

const DEFAULT_NAME = "lab";
const RUNTIMES: readonly RuntimeChoice[] = ["docker", "local", "auto", "sim"];

/** Commands that open a simulated world of their own. */
const WITH_OWN_WORLD: readonly string[] = ["shell", "sim", "run", "chaos", "validate"];

/** A command about one lab, up to where the sentence goes on. */
const COMMAND_IN_HINT =
  /\blab (?:balance|buy|heal|history|kill|leave|logs|nodes|plug|ps|resume|scale|sell|start|status|stop|wait)\b[^`,;)]*/g;

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
async function runLine(argv: readonly string[], run: Run, signal: AbortSignal, streams?: Streams): Promise<number> {
  run.exitCode = EXIT.ok;
  const raw = peekOptions(argv);
  const printer = new Printer(streams ?? { stdout: process.stdout, stderr: process.stderr }, {
    json: raw.json,
    environment: process.env,
  });
  const program = new Command("lab");
  const context = createContext(program, printer, run, signal);
  describeProgram(program, printer);
  registerClusterCommands(program, context);
  registerKeyCommands(program, context);
  registerShowCommands(program, context);
  registerWatchCommands(program, context);
  registerJournalCommands(program, context);
  registerTalkCommands(program, context, (line) => runTyped(line, run, signal));
  registerCheckCommands(program, context);
  registerLifecycleCommands(program, context);
  registerFaultCommands(program, context);
  registerScenarioCommands(program, context);
  registerSimCommands(program, context);
  registerReportCommands(program, context);
  registerDashCommands(program, context, (line) => runCaptured(line, signal));
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
    const failure = isAborted ? new LabError("interrupted", "interrupted", "", { cause: error }) : error;
    return report(failure, printer, {
      verbose: raw.verbose,
      flags: context.hintFlags(program.opts<{ name: string }>().name),
    });
  }
}

/** Runs a command that was typed at the prompt of another: interrupted, it ends and the prompt is back. */
async function runTyped(argv: readonly string[], prompt: Run, signal: AbortSignal): Promise<number> {
  const foreground = new AbortController();
  prompt.foreground = foreground;
  try {
    const own: Run = { exitCode: EXIT.ok, mayFinish: true, foreground: null };
    return await runLine(argv, own, AbortSignal.any([signal, foreground.signal]));
  } finally {
    prompt.foreground = null;
  }
}

/** Runs one command line on behalf of somebody who isn't at this terminal. */
async function runCaptured(argv: readonly string[], signal: AbortSignal): Promise<CapturedRun> {
  const texts = { stdout: "", stderr: "" };
  const collect = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      texts[name] += text;
    },
  });
  const streams = { stdout: collect("stdout"), stderr: collect("stderr") };
  const exitCode = await runLine(argv, { exitCode: EXIT.ok, mayFinish: true, foreground: null }, signal, streams);
  return { exitCode, ...texts };
}

function describeProgram(program: Command, printer: Printer): void {
  program
    .description("Run clusters of peers that trade energy credits, and break them.")
    .usage("[options] <command>")
    .option("-n, --name <lab>", "which lab (or LAB_NAME)", process.env.LAB_NAME || DEFAULT_NAME)
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

function createContext(program: Command, printer: Printer, run: Run, signal: AbortSignal): CommandContext {
  const progress: Progress = createProgress(printer);
  return {
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
    hintFlags: (name) => (name === (process.env.LAB_NAME || DEFAULT_NAME) ? "" : ` --name ${name}`),
    finishOnInterrupt() {
      run.mayFinish = true;
    },
    setExitCode(code) {
      run.exitCode = code;
    },
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
  const at = argv.findIndex((word) => word === "-o" || word === "--output");
  const inline = argv.some((word) => word === "-ojson" || word === "--output=json");
  return { json: inline || (at >= 0 && argv[at + 1] === "json"), verbose: argv.includes("--verbose") };
}

/** Two lines: what happened, what to do. With -o json the same as one JSON value on stderr. */
function report(error: unknown, printer: Printer, options: { verbose: boolean; flags: string }): number {
  const { verbose, flags } = options;
  printer.clear();
  const failure = error instanceof CommanderError ? explainUsage(error) : error;
  if (failure === null) return EXIT.ok;
  if (failure instanceof LabError) {
    if (printer.json) {
      const { exit, message, hint, details } = failure;
      printer.say(JSON.stringify({ error: { exit: EXIT[exit], name: exit, message, hint, ...details } }));
    } else {
      printer.say(`lab: ${failure.message}`);
      if (failure.hint !== "") printer.say(`  ${addFlags(failure.hint, flags)}`);
    }
    if (verbose) printer.say(describeStack(failure));
    return EXIT[failure.exit];
  }
  // A bug of ours: its stack is the most useful thing that can be said.
  printer.say(`lab: ${failure instanceof Error ? failure.message : String(failure)}`);
  printer.say(verbose ? describeStack(failure) : "  this is a bug in lab; the same with --verbose shows where");
  return EXIT.failed;
}

/** Commands that a hint names must mean the same lab: `lab ps` becomes `lab ps --name shop`. */
function addFlags(hint: string, flags: string): string {
  if (flags === "" || hint.includes("--name")) return hint;
  return hint.replace(COMMAND_IN_HINT, (command) => `${command.trimEnd()}${flags}`);
}

/** Commander's complaint in our form; null for what isn't one (help was shown). */
function explainUsage(error: CommanderError): LabError | null {
  if (error.exitCode === 0) return null;
  // `lab help nonsense` and a bare group show help and fail without a message.
  if (error.code === "commander.help") return null;
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /\(Did you mean (.+)\?\)/.exec(rest.join(" "))?.[1];
  const hint = suggestion === undefined ? "see `lab --help`" : `did you mean ${suggestion}?`;
  return new LabError("usage", first.replaceAll("'", '"'), hint);
}

function describeStack(error: unknown): string {
  const parts: string[] = [];
  for (let current = error; current instanceof Error; current = current.cause)
    parts.push(current.stack ?? current.message);
  return parts.join("\ncaused by: ");
}
