/**
 * A hint: what to do next, as data. The command that it names is a list of words, so nobody has to find it in a sentence.
 *
 * The code that throws an error doesn't know how `lab` was called, for which lab, or on which runtime. The printer does: it adds the
 * `--name` and `--runtime` that the command needs, and says `npx lab` where the user did.
 */
export interface Hint {
  /** What the command is for, or advice without a command. May be empty. */
  readonly text: string;
  /** The words after `lab`. Empty: the text is all there is to say. */
  readonly command: readonly string[];
  /** The lab that the command is about, when it isn't the one of the command line. */
  readonly lab?: string;
}

/** How hints may be given: a sentence is a hint without a command; an empty one is no hint. */
export type Hints = string | Hint | readonly (Hint | string)[];

/** How `lab` was called. */
export interface Caller {
  /** `lab`, `npx lab` or `energy-lab`. */
  readonly prefix: string;
  /** The lab of the command line. */
  readonly lab: string;
  /** The lab that a command without `--name` means. */
  readonly standardLab: string;
  /** Named on the command line, so the next command needs it too; null: it wasn't. */
  readonly runtime: string | null;
}

/** The lab that commands mean when nothing names another. */
export const STANDARD_LAB = "lab";

const PLAIN: Caller = { prefix: "lab", lab: STANDARD_LAB, standardLab: STANDARD_LAB, runtime: null };

/** Commands that are about this machine or about files. */
const WITHOUT_LAB: ReadonlySet<string> = new Set([
  "chaos",
  "doctor",
  "gc",
  "help",
  "ls",
  "play",
  "run",
  "shell",
  "sim",
  "validate",
]);

export function toHints(hints: Hints): readonly Hint[] {
  const list = typeof hints === "string" || !isList(hints) ? [hints] : hints;
  return list.map((hint) => (typeof hint === "string" ? { text: hint, command: [] } : hint)).filter(isWorthSaying);
}

/** True when the command needs the lab to be there. */
export function isAboutLab({ command }: Hint): boolean {
  const [verb = ""] = command;
  return verb !== "" && !verb.startsWith("-") && verb !== "up" && !WITHOUT_LAB.has(verb);
}

/** The command as it can be typed, or pasted into a shell. */
export function renderCommand({ command, lab }: Pick<Hint, "command" | "lab">, caller: Caller = PLAIN): string {
  return [caller.prefix, ...[...command, ...flagsFor(command, lab ?? caller.lab, caller)].map(quote)].join(" ");
}

export function renderHint(hint: Hint, caller: Caller = PLAIN): string {
  if (hint.command.length === 0) return hint.text;
  return hint.text === "" ? renderCommand(hint, caller) : `${hint.text}: ${renderCommand(hint, caller)}`;
}

/** All of them in one line, for `-o json` and reports. */
export function renderHints(hints: Hints, caller: Caller = PLAIN): string {
  return toHints(hints)
    .map((hint) => renderHint(hint, caller))
    .join("; ");
}

/** A word as a shell takes it for one word. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `"${word.replaceAll(/["$`\\]/g, "\\$&")}"`;
}

function flagsFor(command: readonly string[], lab: string, caller: Caller): readonly string[] {
  const [verb = ""] = command;
  if (verb.startsWith("-") || WITHOUT_LAB.has(verb) || command.includes("--run")) return [];
  const name = lab === caller.standardLab ? [] : ["--name", lab];
  const runtime = caller.runtime === null || command.includes("--runtime") ? [] : ["--runtime", caller.runtime];
  return [...name, ...runtime];
}

function isWorthSaying({ text, command }: Hint): boolean {
  return text !== "" || command.length > 0;
}

function isList(hints: Hint | readonly (Hint | string)[]): hints is readonly (Hint | string)[] {
  return Array.isArray(hints);
}
