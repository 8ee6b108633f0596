/**
 * A known bug as the user names it (`--bug no-causal-check`): what all nodes of a simulated world then do wrong. The world's own checks
 * are blind, so that the run goes on after the breach, as a real one would: the journal has to tell of it.
 */
import { LabError } from "../../base/lab-error.ts";
import { didYouMean } from "../../base/suggest.ts";
import { PROPERTIES } from "../checks/judge.ts";
import type { SimOptions } from "../cluster/sim-options.ts";
import { BUGS } from "./bug-cases.ts";

export type Sabotage = Pick<SimOptions, "rules" | "shell" | "blind" | "disk" | "process">;

/** @throws LabError("usage") for a name that no bug has */
export function sabotageOf(name: string): Sabotage {
  const bug = BUGS.find((candidate) => candidate.name === name);
  if (bug === undefined) {
    const names = BUGS.map((candidate) => candidate.name);
    throw new LabError("usage", `there is no bug "${name}"`, didYouMean(name, names, `bugs: ${names.join(", ")}`));
  }
  return {
    rules: Object.fromEntries(bug.without.map((rule) => [rule, false])),
    ...(bug.shell === undefined ? {} : { shell: { [bug.shell]: true } }),
    blind: PROPERTIES,
    // Broken nodes die of their bugs, and their disks take what they are given.
    disk: { isStrict: false },
    process: { diesOfExceptions: true, timersFirst: true },
  };
}
