/**
 * A run in a few lines: for a terminal (`lab report FOLDER`) and as Markdown (GitHub's job summaries). The violation comes first.
 */
import { formatDuration } from "../base/duration.ts";
import { describeEntry } from "./junit.ts";
import type { Results } from "./results.ts";

const PROOF_LINES_MAX = 8;

/** `valid: …`, the violations with the end of their proofs, then what was run. */
export function summarise(results: Results): string {
  const { verdict, reason, title, run, failure, checks, steps, journal } = results;
  const violations = checks.flatMap(({ check, violations }) =>
    violations.flatMap(({ what, proof }) => [
      `${check}: ${what}`,
      ...proof.slice(-PROOF_LINES_MAX).map((line) => `    ${describeEntry(line)}`),
    ]),
  );
  const failedSteps = steps
    .filter(({ state }) => state === "failed")
    .map(({ path, what, detail }) => `step ${path} (${what}): ${detail}`);
  const unjudged = checks
    .filter((result) => result.verdict === "inconclusive")
    .map(({ check, detail }) => `${check} is inconclusive: ${detail}`);
  return [
    `${verdict}: ${reason}`,
    ...violations,
    ...failedSteps,
    ...(failure === null ? [] : [`ended early: ${failure.message}`]),
    ...unjudged,
    ...(checks.length === 0 ? [] : [countChecks(checks)]),
    `${title}: ${describeRun(run)}, ${formatDuration(journal.spanMs)} of their time, ${journal.lines} lines`,
    ...(results.replay === null ? [] : [`again: ${results.replay}`]),
  ].join("\n");
}

/** @param diagram a Mermaid diagram of the interesting window; null: none */
export function renderMarkdown(results: Results, diagram: string | null): string {
  const { title, verdict, reason, checks, steps, replay, run } = results;
  const sign = { valid: "✅", invalid: "❌", inconclusive: "❔", "nothing to judge": "➖" } as const;
  const violations = checks.flatMap(({ check, violations }) =>
    violations.flatMap(({ what, proof }) => [
      `**${escapeMarkdown(check)}**: ${escapeMarkdown(what)}`,
      "",
      "```text",
      ...proof.slice(-PROOF_LINES_MAX).map((line) => describeEntry(line).replaceAll("```", "'''")),
      "```",
      "",
    ]),
  );
  const failed = steps.filter(({ state }) => state === "failed");
  return [
    `### ${sign[verdict]} ${escapeMarkdown(title)}: ${verdict}`,
    "",
    escapeMarkdown(reason),
    "",
    ...violations,
    ...failed.map(({ path, what, detail }) => `- step ${path}, ${escapeMarkdown(what)}: ${escapeMarkdown(detail)}`),
    ...(failed.length === 0 ? [] : [""]),
    ...(diagram === null ? [] : ["```mermaid", diagram.trim(), "```", ""]),
    ...(checks.length === 0
      ? []
      : [
          "| check | verdict | |",
          "|---|---|---|",
          ...checks.map(
            ({ check, verdict: own, detail }) =>
              `| ${escapeMarkdown(check)} | ${sign[own]} ${own} | ${escapeMarkdown(detail)} |`,
          ),
          "",
        ]),
    `${escapeMarkdown(describeRun(run))}${replay === null ? "" : `; again: \`${replay.replaceAll("`", "'")}\``}`,
    "",
  ].join("\n");
}

/** "9 checks: 8 valid, 1 inconclusive" */
function countChecks(checks: Results["checks"]): string {
  const counts = (["valid", "invalid", "inconclusive", "nothing to judge"] as const)
    .map((verdict) => ({ verdict, count: checks.filter((result) => result.verdict === verdict).length }))
    .filter(({ count }) => count > 0)
    .map(({ verdict, count }) => `${count} ${verdict}`);
  return `${checks.length} checks: ${counts.join(", ")}`;
}

function describeRun({ nodes, runtime, profile, seed }: Results["run"]): string {
  const where = {
    docker: "in Docker",
    swarm: "on a Docker Swarm",
    local: "as local processes",
    sim: "in virtual time",
  } as const;
  return `${nodes.length} nodes ${where[runtime]}, profile ${profile}${seed === null ? "" : `, seed ${seed}`}`;
}

/** One line of Markdown that shows `text` as it is. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/[\\`*_{}[\]<>|~#]/g, (found) => `\\${found}`);
}
