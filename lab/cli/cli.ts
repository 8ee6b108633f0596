/**
 * The `lab` command: parses the line, runs one command, prints its error, and says how the process exits.
 *
 * Idea: this is the only place that knows process, streams and exit codes. It imports commander and the verbs' outlines alone;
 * what a verb does is loaded when it runs, so `lab --help` costs a start of Node and little more.
 */

import { Command } from "commander";
import { ONE_SIGNAL_MS } from "../../node/runtime/job-control.ts";
import { type Caller, renderHint } from "../base/hint.ts";
import { EXIT, interrupted } from "../base/lab-error.ts";
import type { Progress } from "../engine/engine.ts";
import { callerOf, type Standard, standardOf, standardOfPrompt } from "./caller.ts";
import type { CapturedRun, CommandContext } from "./commands/context.ts";
import { peekOptions, readOptions, wordAfter } from "./options.ts";
import { describeProgram } from "./program.ts";
import { reportError } from "./report-error.ts";
import { Printer, type Streams } from "./ui/printer.ts";
import { createProgress } from "./ui/progress.ts";
import { sayHints } from "./ui/say-hints.ts";

interface Run {
  exitCode: number;
  mayFinish: boolean;
  /** A command that was typed at a prompt: the first Ctrl-C is for it. */
  foreground: AbortController | null;
}

/** Runs one command line and ends the process. */
export async function main(argv: readonly string[]): Promise<void> {
  const interrupt = new AbortController();
  const run: Run = { exitCode: EXIT.ok, mayFinish: false, foreground: null };
  let sinceMs = Number.POSITIVE_INFINITY;
  let endNow: (exitCode: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    endNow = resolve;
  });
  const endEarly = (exitCode: number): void => {
    interrupt.abort();
    if (!run.mayFinish) endNow(exitCode);
  };
  // `lab run … | head`, or a terminal that was closed: nobody reads on. As with Ctrl-C, what this command made goes with it.
  process.stdout.on("error", () => endEarly(EXIT.ok));
  process.stderr.on("error", () => {});
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (signal === "SIGINT" && run.foreground?.signal.aborted === false) {
        run.foreground.abort();
        return;
      }
      const nowMs = performance.now();
      // The second time the user means it, and `lab down` removes the rest. A signal that comes at once is the first one again, by way
      // of npx or of the terminal.
      if (nowMs - sinceMs >= ONE_SIGNAL_MS) process.exit(EXIT.interrupted);
      sinceMs = Math.min(sinceMs, nowMs);
      if (!interrupt.signal.aborted) endEarly(EXIT.interrupted);
    });
  }
  const outcome = await Promise.race([runLine(argv, run, interrupt.signal), ended]);
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
  const program = new Command(standard.prefix);
  const context = createContext(program, { printer, run, signal, standard });
  describeProgram(program, context, {
    typed: (line, again) =>
      runTyped(line, { prompt: run, signal, standard: standardOfPrompt(context.options), again: again ?? null }),
    captured: (line) => runCaptured(line, signal, context.caller),
  });
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
    return reportError(failure, printer, { verbose: raw.verbose, caller: context.caller });
  }
}

/** Runs a command that was typed at the prompt of another: interrupted, it ends and the prompt is back. */
async function runTyped(
  argv: readonly string[],
  {
    prompt,
    signal,
    standard,
    again,
  }: { prompt: Run; signal: AbortSignal; standard: Standard; again: AbortSignal | null },
): Promise<number> {
  const foreground = new AbortController();
  prompt.foreground = foreground;
  const silence = { write: () => {} };
  const streams = again === null ? {} : { streams: { stdout: silence, stderr: silence } };
  const ends = [signal, foreground.signal, ...(again === null ? [] : [again])];
  try {
    const own: Run = { exitCode: EXIT.ok, mayFinish: true, foreground: null };
    return await runLine(argv, own, AbortSignal.any(ends), { standard, ...streams });
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
      sayHints(printer, hints, callerOf(program, standard));
    },
    get options() {
      return readOptions(program);
    },
    printer,
    progress,
    signal,
    async withLab(action) {
      const { openHandle } = await import("../cluster/open-handle.ts");
      const { name, runtime } = readOptions(program);
      await using lab = await openHandle(name, { runtime, progress, signal });
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
