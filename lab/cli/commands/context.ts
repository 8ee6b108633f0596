/**
 * The context of every command: the global options, a printer, the way to the lab, and the signal of Ctrl-C.
 *
 * A command is a function of its arguments and this context; it never touches process, streams or exit codes itself. Errors are
 * thrown (LabError) and printed in one place (cli.ts).
 */

import type { Caller, Hints } from "../../base/hint.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import type { RuntimeChoice } from "../../cluster/open-engine.ts";
import type { Progress } from "../../engine/engine.ts";
import type { Printer } from "../ui/printer.ts";

export interface GlobalOptions {
  /** Which lab: --name, LAB_NAME, or "lab". */
  readonly name: string;
  /** True when the user named it. */
  readonly isNamed: boolean;
  readonly runtime: RuntimeChoice;
  readonly isRuntimeNamed: boolean;
  readonly output: "text" | "json";
  readonly verbose: boolean;
}

/** The output of a command line that the page asked for. */
export interface CapturedRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Resolves to the line's exit code.
 * @param again the line was done before, and is done again in silence; this signal ends it
 */
export type RunLine = (argv: readonly string[], again?: AbortSignal) => Promise<number>;

export type RunCaptured = (argv: readonly string[]) => Promise<CapturedRun>;

export interface CommandContext {
  /** Valid inside an action: commander has parsed the line by then. */
  readonly options: GlobalOptions;
  readonly printer: Printer;
  /** Steps of long work, shown on stderr. */
  readonly progress: Progress;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Opens the lab that is meant, runs `action`, and closes sockets and engine whatever happens. */
  withLab<T>(action: (lab: LabHandle) => Promise<T>): Promise<T>;
  /** Shows what is still being waited for, as the progress of `step`. */
  onReason(step: string): (reason: string) => void;
  /** How `lab` was called: what a command in a hint needs. */
  readonly caller: Caller;
  /** Says what can be done next, a line each. */
  next(hints: Hints): void;
  /** Ctrl-C then only aborts the signal, and the command itself comes to an end; otherwise the process ends at once. */
  finishOnInterrupt(): void;
  /** The process's exit code when the command ends without an error (`doctor`, `wait`). */
  setExitCode(code: number): void;
}
