/**
 * How a run of the simulator ends that broke a promise: what, when, and all that a person needs to look into it.
 */
import type { Checker } from "../../check/checker.ts";
import { InvariantError } from "./judge.ts";

export interface SimFailureDetails {
  readonly seed: number;
  /** Virtual time. */
  readonly atMs: number;
  /** `S1`, …, `L5`: that promise. `deadline`: something that had to happen didn't. `crash`: a node's own code threw. */
  readonly property: string;
  /** One sentence. */
  readonly reason: string;
  /** One line for each node. */
  readonly states: readonly string[];
  /** The end of the journal. */
  readonly recent: string;
  readonly cause?: unknown;
}

export class SimFailure extends Error {
  readonly details: SimFailureDetails;

  constructor(details: SimFailureDetails) {
    const { seed, atMs, reason, states, recent, cause } = details;
    // Where a crash happened is in the stack of what was thrown.
    const stack = details.property === "crash" && cause instanceof Error ? `\n${cause.stack}` : "";
    super(`seed ${seed}, at ${atMs.toFixed(1)} ms: ${reason}${stack}\n${states.join("\n")}\n${recent}`, { cause });
    this.details = details;
    this.name = "SimFailure";
  }
}

/** A checker of journals has found it. */
export class JournalBreach extends Error {
  readonly property: string;

  constructor({ name, guards }: Pick<Checker, "name" | "guards">, what: string) {
    super(`${guards}: ${name}: ${what}`);
    this.property = guards;
    this.name = "JournalBreach";
  }
}

/** The property that an exception stands for; without one the run itself has missed a deadline. */
export function describeCause(cause: unknown): string {
  if (cause instanceof InvariantError || cause instanceof JournalBreach) return cause.property;
  return cause === undefined ? "deadline" : "crash";
}
