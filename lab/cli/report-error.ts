/** How an error is printed, and the exit code that it means. */
import { CommanderError } from "commander";
import { type Caller, renderHints } from "../base/hint.ts";
import { EXIT, LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { didYouMean } from "../base/suggest.ts";
import { explainSystemError } from "../base/system-error.ts";
import type { Printer } from "./ui/printer.ts";
import { sayHints } from "./ui/say-hints.ts";

/** Prints the error, and a line for each thing to do about it. With -o json the same as one JSON value on stderr. */
export function reportError(
  error: unknown,
  printer: Printer,
  { verbose, caller }: { verbose: boolean; caller: Caller },
): number {
  printer.clear();
  const failure = error instanceof CommanderError ? explainUsage(error) : (explainSystemError(error) ?? error);
  if (failure === null) return EXIT.ok;
  if (failure instanceof LabError) {
    if (printer.json) {
      const { exit, message, hints, details } = failure;
      const hint = renderHints(hints, caller);
      printer.say(JSON.stringify({ error: { exit: EXIT[exit], name: exit, message, hint, ...details } }));
    } else {
      printer.say(`lab: ${shorten(failure.message)}`);
      sayHints(printer, failure.hints, caller, "  ");
    }
    if (verbose) printer.say(describeStack(failure));
    return EXIT[failure.exit];
  }
  // A bug of ours: its stack is the most useful thing that can be said.
  const message = failure instanceof Error ? failure.message : String(failure);
  const hint = "this is a bug in lab; repeat the command with --verbose to see where";
  if (printer.json) printer.say(JSON.stringify({ error: { exit: EXIT.failed, name: "failed", message, hint } }));
  else printer.say(`lab: ${message}`);
  if (verbose) printer.say(describeStack(failure));
  else if (!printer.json) printer.say(`  ${hint}`);
  return EXIT.failed;
}

/** Somebody's five thousand digits would hide what is wrong with them. */
function shorten(message: string): string {
  return message.replaceAll(/\S{400,}/g, (word) => `${word.slice(0, 60)}… (${word.length} characters)`);
}

/** Commander's complaint in our form; null for what isn't one (help was shown). */
function explainUsage(error: CommanderError & { readonly of?: string }): LabError | null {
  if (error.exitCode === 0) return null;
  // A bare group shows help and fails without a message.
  if (error.code === "commander.help") return null;
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const message = first.replaceAll("'", '"');
  const suggestion = /\(Did you mean (.+)\?\)/.exec(rest.join(" "))?.[1];
  if (suggestion !== undefined) return new LabError("usage", message, `did you mean "${suggestion}"?`);
  const choice = /^(?:command-)?(.*"([^"]*)" is invalid(?: for [^.]*)?)\. Allowed choices are (.*)\.$/s.exec(message);
  if (choice !== null) {
    const [, what = message, word = "", allowed = ""] = choice;
    return new LabError("usage", what, didYouMean(word, allowed.split(", "), `allowed are: ${allowed}`));
  }
  return new LabError(
    "usage",
    message,
    error.of === undefined ? NEXT.listCommands() : NEXT.showHelp(...error.of.split(" ")),
  );
}

function describeStack(error: unknown): string {
  const parts: string[] = [];
  for (let current = error; current instanceof Error; current = current.cause)
    parts.push(current.stack ?? current.message);
  return parts.join("\ncaused by: ");
}
