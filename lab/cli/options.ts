/** The options that every command takes, before and after commander has parsed them. */
import type { Command } from "commander";
import { LabError } from "../base/lab-error.ts";
import type { RuntimeChoice } from "../cluster/open-engine.ts";
import type { GlobalOptions } from "./commands/context.ts";

export const RUNTIMES: readonly RuntimeChoice[] = ["docker", "swarm", "local", "auto", "sim"];

export function readOptions(program: Command): GlobalOptions {
  const { name, runtime, output, verbose } = program.opts<{
    name: string;
    runtime?: string;
    output: "text" | "json";
    verbose?: boolean;
  }>();
  const fromEnvironment = process.env.LAB_RUNTIME;
  const chosen = runtime ?? fromEnvironment;
  const choice = RUNTIMES.find((runtime) => runtime === chosen);
  if (chosen !== undefined && chosen !== "" && choice === undefined) {
    throw new LabError("usage", `LAB_RUNTIME is "${chosen}"`, "use docker, swarm, local, auto or sim");
  }
  return {
    name,
    isNamed: program.getOptionValueSource("name") !== "default" || (process.env.LAB_NAME ?? "") !== "",
    runtime: choice ?? "auto",
    isRuntimeNamed: chosen !== undefined && chosen !== "",
    output,
    verbose: verbose === true,
  };
}

/** How to print, before the line is parsed: also what is wrong with it is printed. */
export function peekOptions(line: readonly string[]): { json: boolean; verbose: boolean } {
  const end = line.indexOf("--");
  const argv = end < 0 ? line : line.slice(0, end);
  const inline = argv.some((word) => word === "-ojson" || word === "--output=json");
  const isJson = [wordAfter(argv, "-o"), wordAfter(argv, "--output")].includes("json");
  return { json: inline || isJson, verbose: argv.includes("--verbose") };
}

/** The word behind `option`; null: the option isn't there. */
export function wordAfter(argv: readonly string[], option: string): string | null {
  const at = argv.indexOf(option);
  return at < 0 ? null : (argv[at + 1] ?? null);
}
