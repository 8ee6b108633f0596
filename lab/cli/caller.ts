/** How `lab` was called, so that a command in a hint can be typed as it is printed. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { Command } from "commander";
import { type Caller, quote, STANDARD_LAB } from "../base/hint.ts";
import { findOnPath, isFoundByNpx, isSameFile } from "../base/this-machine.ts";
import type { GlobalOptions } from "./commands/context.ts";

/** The lab and the runtime of a command that names neither: the environment decides, or the prompt at which it is typed. */
export interface Standard {
  readonly prefix: string;
  readonly lab: string;
  /** Null: none is chosen. */
  readonly runtime: string | null;
}

/**
 * The words that the user types in front of a verb: those that were typed, or if these can't be known, some that work in this folder.
 * @param script `process.argv[1]`: the file or the link that was called
 */
export function calledAs(
  script: string,
  environment: Readonly<Record<string, string | undefined>>,
  folder = process.cwd(),
): string {
  const { npm_lifecycle_event: event, npm_lifecycle_script: line = "" } = environment;
  // npx leaves the line that it runs in the environment; a test runner that npx started passes its own line on.
  const viaNpx = event === "npx" ? /^['"]?(lab|energy-lab)(?=['"\s]|$)/.exec(line)?.[1] : undefined;
  if (viaNpx !== undefined) return `npx ${viaNpx}`;
  const name = basename(script) === "energy-lab" ? "energy-lab" : "lab";
  const onPath = findOnPath(name, environment.PATH ?? environment.Path ?? "");
  if (onPath !== null && isSameFile(onPath, script)) return name;
  if (isFoundByNpx(name, folder)) return `npx ${name}`;
  return existsSync(script) ? `node ${quote(script)}` : name;
}

/** The lab and the runtime of a command without options at a terminal. */
export function standardOf(environment: NodeJS.ProcessEnv): Standard {
  return {
    prefix: calledAs(process.argv[1] ?? "", environment),
    lab: environment.LAB_NAME || STANDARD_LAB,
    runtime: environment.LAB_RUNTIME || null,
  };
}

/** The prompt of `lab shell` takes the word `lab` and adds its own lab and runtime. */
export function standardOfPrompt({ name, runtime, isRuntimeNamed }: GlobalOptions): Standard {
  return { prefix: "lab", lab: name, runtime: isRuntimeNamed ? runtime : null };
}

export function callerOf(program: Command, standard: Standard): Caller {
  const { name, runtime } = program.opts<{ name: string; runtime?: string }>();
  const isNamed = runtime !== undefined && runtime !== standard.runtime;
  return {
    prefix: standard.prefix,
    lab: name,
    standardLab: standard.lab,
    runtime: isNamed ? runtime : null,
  };
}
