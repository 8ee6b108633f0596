/** What `diff` does. */
import { formatDuration } from "../../base/duration.ts";
import { EXIT } from "../../base/lab-error.ts";
import { runChecks } from "../../check/checkers.ts";
import { worstOf } from "../../check/verdict.ts";
import { type Comparison, compareRuns, type Difference } from "../../journal/compare-runs.ts";
import type { Journal } from "../../journal/journal.ts";
import { readRun } from "../../journal/stored-run.ts";
import type { CommandContext } from "./context.ts";

/** Of what follows the first difference, in each run. */
const SHOWN_MAX = 2;

export async function runDiff(context: CommandContext, a: string, b: string): Promise<void> {
  const [first, second] = await Promise.all([readRun(a), readRun(b)]);
  const comparison = compareRuns(first, second);
  const isSame = comparison.isEqual || (!comparison.isSameWorld && comparison.differences.length === 0);
  const text = [describeRun("A", a, first), describeRun("B", b, second), ...describe(comparison)];
  context.printer.data({ same: isSame, ...comparison }, text.join("\n"));
  context.setExitCode(isSame ? EXIT.ok : EXIT.failed);
}

function describeRun(name: string, path: string, journal: Journal): string {
  const { facts, entries } = journal;
  const seed = facts.seed === null ? "" : `, seed ${facts.seed}`;
  const broken = runChecks(journal).filter(({ verdict }) => verdict === "invalid");
  const verdict =
    broken.length === 0 ? worstOf(runChecks(journal)) : `broken: ${broken.map(({ check }) => check).join(", ")}`;
  return `${name}  ${path}: ${facts.nodes.length} nodes, ${facts.runtime}${seed}, ${entries.length} lines; ${verdict}`;
}

function describe({ isEqual, isSameWorld, common, step, differences, before }: Comparison): readonly string[] {
  if (isEqual) return ["the same, line for line"];
  const [first] = differences;
  if (first === undefined)
    return [
      `${common} events are the same${isSameWorld ? "; datagrams or times differ" : "; only clocks and datagrams differ"}`,
    ];
  const others = differences.slice(1).filter((difference) => difference !== first);
  const counts = (["A", "B"] as const).map(
    (run) => `${differences.filter((one) => one.run === run).length} only in ${run}`,
  );
  const shown = (["A", "B"] as const).flatMap((run) => others.filter((one) => one.run === run).slice(0, SHOWN_MAX));
  return [
    `${common} events are in both; ${counts.join(", ")}`,
    `they part in ${step === null ? "the first moments, before any step" : `the step "${step}"`}:`,
    ...(before === null ? [] : [`   in both  ${nameOf(before.node)}: ${before.msg}`]),
    `>  ${line(first)}${describeFields(first, differences)}`,
    ...shown.map((difference) => `   ${line(difference)}`),
  ];
}

function line({ run, entry, sinceMs }: Difference): string {
  return `only in ${run}, after ${formatDuration(sinceMs)}  ${nameOf(entry.node)}: ${entry.msg}`;
}

/** Which fields differ, where the other run tells something else of the same thing. */
function describeFields({ run, entry }: Difference, all: readonly Difference[]): string {
  const { node, kind, id } = entry;
  const isCounterpart = (one: Difference): boolean =>
    one.run !== run && one.entry.node === node && one.entry.kind === kind && one.entry.id === id;
  const other = all.find(isCounterpart)?.entry;
  const names = ["role", "term", "coordinator", "balance", "peer", "amount", "record_seq", "state", "outcome"];
  const differing = names.filter((name) => other !== undefined && other[name] !== entry[name]);
  if (differing.length === 0) return "";
  return ` (${differing.map((name) => `${name} ${String(entry[name])}, not ${String(other?.[name])}`).join("; ")})`;
}

function nameOf(node: number): string {
  return node === 0 ? "lab" : `node ${node}`;
}
