/**
 * Does what the page asks for by running the `lab` line that it equals, in this process and with `-o json`.
 */
import { EXIT } from "../base/lab-error.ts";
import { commandWords, formatCommand, type LabCommand } from "./page-command.ts";
import type { CommandReply } from "./protocol.ts";

/** How one line of `lab` ended, and what it printed. */
export interface LineResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandTarget {
  readonly lab: string;
  readonly runtime: string;
  readonly runLine: (argv: readonly string[]) => Promise<LineResult>;
}

export async function runCommand(command: LabCommand, { lab, runtime, runLine }: CommandTarget): Promise<CommandReply> {
  const argv = [...commandWords(command), "--name", lab, "--runtime", runtime, "-o", "json"];
  return describeReply(formatCommand(command, lab), await runLine(argv));
}

/** The output of `-o json` as a reply: data on stdout; on stderr the error, steps of progress, and sentences for people. */
export function describeReply(line: string, { exitCode, stdout, stderr }: LineResult): CommandReply {
  const exitName = Object.entries(EXIT).find(([, code]) => code === exitCode)?.[0] ?? "failed";
  const lines = stderr.split("\n").filter((text) => text.trim() !== "");
  const fields = lines.map(readFields);
  const error = fields.find((one) => one?.error !== undefined)?.error;
  if (error !== undefined) return { ok: false, line, exit: exitName, message: error.message, hint: error.hint };
  if (exitName !== "ok") return { ok: false, line, exit: exitName, message: `it ended with "${exitName}"`, hint: "" };
  return { ok: true, line, data: readData(stdout), said: lines.filter((_, n) => fields[n] === null) };
}

interface ErrorLine {
  readonly error?: { readonly message: string; readonly hint: string };
}

/** Null: a sentence for people. */
function readFields(text: string): ErrorLine | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

/** The last value, when there were several. */
function readData(stdout: string): unknown {
  try {
    return stdout.trim() === "" ? null : JSON.parse(stdout);
  } catch {
    return null;
  }
}
