/**
 * The operator's errors: what happened, and what to do. Commands print exactly these two lines and exit with the code.
 */
import type { NodeId } from "../../node/wire/ids.ts";

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
  /** What the user can do about it: one line, imperative. */
  readonly hint: string;
  /** Machine-readable extras for `-o json` (a refusal's code, a trade id). */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    exit: ExitName,
    message: string,
    hint: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "LabError";
    this.exit = exit;
    this.hint = hint;
    this.details = options.details ?? {};
  }
}

export function noSuchLab(name: string): LabError {
  return new LabError("notFound", `there is no lab named "${name}"`, "see `lab ls`, or start one with `lab up`");
}

export function noSuchNode(lab: string, id: NodeId, known: readonly NodeId[]): LabError {
  return new LabError(
    "notFound",
    `lab "${lab}" has no node ${id} (it has ${known.join(", ") || "none"})`,
    "see `lab ps`",
  );
}

export function stillRuns(id: NodeId): LabError {
  return new LabError("failed", `node ${id} is still running`, `\`lab kill ${id}\` or \`lab stop ${id}\` first`);
}
