// Prometheus' own checker, where there is one: Debian's package `prometheus` has it, .ci/run installs it. LAB_TEST_PROMTOOL names another,
// or says `required`: then its absence is a failure.
import { spawnSync } from "node:child_process";

export const promtool: string | null = findPromtool();

/** For the names of tests that are skipped without it. */
export const whyNoPromtool = promtool === null ? " (skipped: there is no promtool; apt-get install prometheus)" : "";

/** What it complains of; empty: nothing. */
export function runPromtool(args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync(promtool ?? "", args, { input, encoding: "utf8" });
  return status === 0 ? stderr : `exit code ${status}\n${stdout}${stderr}`;
}

function findPromtool(): string | null {
  const wanted = process.env.LAB_TEST_PROMTOOL ?? "";
  const path = wanted === "" || wanted === "required" ? "promtool" : wanted;
  if (spawnSync(path, ["--version"]).status === 0) return path;
  if (wanted === "") return null;
  throw new Error(`LAB_TEST_PROMTOOL is "${wanted}", but ${path} doesn't run (Debian: apt-get install prometheus)`);
}
