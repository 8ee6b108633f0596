/** A scenario as it runs: one line a step, then the checks, then the verdict and what to look at next. */
import { formatDuration } from "../../base/duration.ts";
import { type Hint, isAboutLab } from "../../base/hint.ts";
import { NEXT } from "../../base/next.ts";
import type { ScenarioResult, StepResult } from "../../scenario/result.ts";
import type { Scenario } from "../../scenario/scenario-schema.ts";
import type { Printer } from "./printer.ts";
import { paintVerdict, verdictPaint } from "./runs-table.ts";
import { colour, renderTable } from "./table.ts";

const WHERE = {
  docker: "in Docker",
  swarm: "on a Docker Swarm",
  local: "as local processes",
  sim: "in virtual time",
} as const;

export function renderHeader(scenario: Scenario, runtime: keyof typeof WHERE): string {
  const { name, title, teaches } = scenario;
  const first = title === undefined ? name : `${name}: ${title}`;
  const text =
    teaches === undefined
      ? []
      : teaches
          .trim()
          .split("\n")
          .map((line) => `  ${line.trim()}`);
  return [`${first}  (${WHERE[runtime]})`, ...text].join("\n");
}

/** Steps whose result says how long they took. */
const TELL_TIME: ReadonlySet<string> = new Set(["wait", "expect"]);

/** Steps inside others are indented, and come before the one that holds them: each is told when it is over. */
export function renderStep(step: StepResult, { color }: Pick<Printer, "color">): string {
  const { path, state, text, resolved, seen, replaced, tookMs, startedMs, note } = step;
  const depth = path.split(/[.#]/).length - 1;
  const word = { ok: "ok  ", failed: "FAIL", skipped: "skip", interrupted: "stop" }[state];
  const mark = color && state !== "ok" ? colour(word, state === "failed" ? "red" : "yellow") : word;
  const said = [text.startsWith(resolved) ? "" : resolved, seen].filter((part) => part !== "").join("; ");
  const time = `${(startedMs / 1_000).toFixed(2).padStart(7)} s`;
  const took = tookMs >= 1_000 && !TELL_TIME.has(step.verb) ? ` (${formatDuration(tookMs)})` : "";
  const what = replaced === "" ? text : state === "skipped" ? replaced : `${text}, ${replaced}`;
  const line = `${time}  ${mark}  ${"  ".repeat(depth)}${path.padEnd(Math.max(3, 5 - depth))} ${what}${said === "" ? "" : `: ${said}`}${took}`;
  return [...(note === "" ? [] : [`${" ".repeat(17 + 2 * depth)}# ${note}`]), line].join("\n");
}

export function renderSummary(
  result: ScenarioResult,
  options: { readonly printer: Printer; readonly realMs: number },
): string {
  const { verdict, reason, checks, steps, runtime, tookMs, seed } = result;
  const { color } = options.printer;
  const rows = checks.map((check) => [check.check, check.verdict, check.violations[0]?.what ?? check.detail]);
  const table =
    rows.length === 0
      ? []
      : ["", renderTable([{ title: "CHECK" }, { title: "VERDICT" }, { title: "SEEN" }], rows, verdictPaint(color, 1))];
  const proof = checks
    .filter((check) => check.verdict === "invalid")
    .flatMap(({ check, violations }) =>
      (violations[0]?.proof ?? []).slice(-6).map((entry) => `  ${check}: node ${entry.node}  ${entry.msg}`),
    );
  const virtual = runtime === "sim" ? ` of virtual time, in ${formatDuration(options.realMs)}` : "";
  const facts = `${steps.length} steps in ${formatDuration(Math.max(0, tookMs))}${virtual}, seed ${seed}`;
  const words = {
    valid: `every step did what was expected, ${checks.length === 0 ? "no promise was checked" : "and every promise was kept"}`,
    invalid: `a promise was broken: ${reason}`,
    failed: reason,
    inconclusive: `the checks are inconclusive: ${reason}`,
    interrupted: "interrupted: the results until then are above",
  };
  return [...table, ...proof, "", `${paintVerdict(verdict, color)}: ${words[verdict]} (${facts})`].join("\n");
}

interface AgainFlags {
  readonly set: readonly string[];
  readonly bug?: string;
  readonly on?: string;
  readonly keep?: boolean;
}

/** Hints about a run that isn't valid. */
export function hintsAfter(result: ScenarioResult, flags: AgainFlags): readonly Hint[] {
  const { file, runtime, seed, lab } = result;
  const again = [
    ...["run", file ?? "FILE", "--runtime", runtime, "--seed", `${seed}`],
    ...flags.set.flatMap((setting) => ["--set", setting]),
    ...(flags.bug === undefined ? [] : ["--bug", flags.bug]),
    ...(flags.on === undefined ? [] : ["--on", flags.on]),
  ];
  const hints = result.steps.findLast((step) => step.state === "failed")?.hints ?? [];
  const isStanding = flags.on !== undefined || flags.keep === true;
  const named = hints.map((hint) => ({ ...hint, lab: hint.lab ?? lab }));
  // A command about the lab needs the lab to be there, and a simulated one is gone.
  const useful = named.filter((hint) => isStanding || !isAboutLab(hint));
  const canKeep = useful.length < hints.length && runtime !== "sim";
  return [...useful, ...(canKeep ? [NEXT.keepLab(again)] : []), NEXT.reportOn(again)];
}
