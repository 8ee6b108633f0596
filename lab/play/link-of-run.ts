/** A link to a run that is over: the playground plays its scenario again. */
import { LabError } from "../base/lab-error.ts";
import type { RunFacts } from "../journal/journal.ts";
import { writeLink } from "./run-link.ts";

export interface FinishedRun {
  readonly facts: Pick<RunFacts, "runtime" | "seed" | "nodes">;
  /** Its file, as it ran; null: a program drove it. */
  readonly scenario: string | null;
  /** The known bug that all nodes had; null: none. */
  readonly bug: string | null;
  /** From its first step to the end of its last one, in the nodes' time. */
  readonly tookMs: number;
}

/** @throws LabError with the reason why there is none */
export async function linkOfRun({ facts, scenario, bug, tookMs }: FinishedRun): Promise<string> {
  const { runtime, seed, nodes } = facts;
  if (runtime !== "sim" || scenario === null || seed === null)
    throw new LabError(
      "unsupported",
      "only a run in virtual time is decided by its scenario and seed",
      "play it with --runtime sim",
    );
  return await writeLink({ seed, nodes: nodes.length, bug, scenario, steps: [] }, tookMs);
}
