/**
 * The operator's errors: what happened, and what to do. A command prints exactly that and exits with the code.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { type Hint, type Hints, renderHints, toHints } from "./hint.ts";
import { NEXT } from "./next.ts";

/** Exit codes of the CLI, stable for scripts. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  engineUnreachable: 4,
  invariantViolated: 5,
  unsupported: 6,
  inconclusive: 7,
  timeout: 124,
  interrupted: 130,
} as const;
export type ExitName = keyof typeof EXIT;

export class LabError extends Error {
  readonly exit: ExitName;
  /** What the user can do about it, in the imperative. */
  readonly hints: readonly Hint[];
  /** The hints in one line, for who doesn't know how `lab` was called (reports, programs). */
  readonly hint: string;
  /** Machine-readable extras for `-o json` (a refusal's code, a trade id). */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    exit: ExitName,
    message: string,
    hints: Hints,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "LabError";
    this.exit = exit;
    this.hints = toHints(hints);
    this.hint = renderHints(this.hints);
    this.details = options.details ?? {};
  }
}

export function noSuchLab(name: string): LabError {
  return new LabError("notFound", `there is no lab named "${name}"`, [NEXT.listLabs(), NEXT.startLab(name)]);
}

export function noSuchNode(lab: string, id: NodeId, known: readonly NodeId[]): LabError {
  const message = `lab "${lab}" has no node ${id} (it has ${known.join(", ") || "none"})`;
  return new LabError("notFound", message, NEXT.listNodes());
}

export function nodeStillRuns(id: NodeId): LabError {
  return new LabError("failed", `node ${id} is still running`, NEXT.stopNode(id));
}

/** The command was interrupted, by Ctrl-C or because something beside it failed. */
export function interrupted(hints: Hints = "", cause?: unknown): LabError {
  return new LabError("interrupted", "interrupted", hints, { cause });
}

export function notADisk(): LabError {
  return new LabError("usage", "this file isn't a saved disk of this runtime", NEXT.saveDisk());
}
