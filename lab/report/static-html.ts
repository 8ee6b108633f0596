/**
 * `report.html` without the page: one small file, no script, that any browser and any mail program shows. The violation comes first.
 * Where the page was built (dist/page.html) the report is that page with the run inside instead (write-report.ts).
 */
import { formatDuration } from "../base/duration.ts";
import { describeEntry } from "./junit.ts";
import type { Results } from "./results.ts";

/** Longer proofs are in results.json. */
const PROOF_LINES_MAX = 40;

export function renderStaticHtml(results: Results): string {
  const { title, verdict, reason, failure } = results;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(`${verdict}: ${title}`)}</title>
<style>${STYLE}</style>
<main>
<h1><span class="${verdict}">${verdict}</span> ${escapeHtml(title)}</h1>
<p>${escapeHtml(reason)}</p>
${failure === null ? "" : `<p>Ended early: ${escapeHtml(failure.message)}</p>`}
${renderViolations(results)}
${renderFacts(results)}
${renderTable(
  "Checks",
  ["check", "verdict", ""],
  results.checks.map(({ check, verdict: own, detail }) => [escapeHtml(check), badge(own), escapeHtml(detail)]),
)}
${renderTable(
  "Steps",
  ["", "step", "at", "took", "", ""],
  results.steps.map(({ path, what, atMs, tookMs, state, detail, note, explain }) => {
    const words = [detail, note, explain].filter((text) => text !== undefined && text !== "").join("; ");
    return [path, what, formatDuration(atMs), formatDuration(tookMs)]
      .map(escapeHtml)
      .concat(badge(state), escapeHtml(words));
  }),
)}
${renderTable(
  "Nodes at the end",
  ["node", "engine", "role", "follows", "term", "balance"],
  results.nodes.map(({ id, status, role, coordinator, term, balance }) =>
    [id, status, role, coordinator, term, balance].map((value) => escapeHtml(value === null ? "-" : String(value))),
  ),
)}
<p>Beside this file: <a href="results.json">results.json</a>, <a href="junit.xml">junit.xml</a>, <a href="journal.jsonl">journal.jsonl</a>,
<a href="config.json">config.json</a>, <a href="logs/">logs</a>.</p>
</main>
</html>
`;
}

function renderViolations({ checks }: Results): string {
  return checks
    .flatMap(({ check, violations }) =>
      violations.map(({ what, proof }) => {
        const shown = proof.slice(-PROOF_LINES_MAX).map((line) => escapeHtml(describeEntry(line)));
        const left = proof.length > PROOF_LINES_MAX ? [`${proof.length - PROOF_LINES_MAX} lines before these`] : [];
        return `<section class="violation"><h2>${escapeHtml(check)}</h2><p>${escapeHtml(what)}</p><pre>${[...left, ...shown].join("\n")}</pre></section>`;
      }),
    )
    .join("\n");
}

function renderFacts({ run, journal, startedAt, tookMs, replay }: Results): string {
  const rows: readonly (readonly [string, string])[] = [
    ["lab", `${run.lab} (${run.runtime}, profile ${run.profile}${run.seed === null ? "" : `, seed ${run.seed}`})`],
    ["nodes", `${run.nodes.join(", ")}; voters ${run.voters.join(", ") || "none"}`],
    ["started", `${startedAt}, took ${formatDuration(tookMs)}; ${formatDuration(journal.spanMs)} of the nodes' time`],
    ["journal", `${journal.lines} lines${journal.missing === 0 ? "" : `, ${journal.missing} missing`}`],
    ...(replay === null ? [] : [["again", replay] as const]),
  ];
  return `<dl>${rows.map(([name, text]) => `<dt>${name}<dd>${escapeHtml(text)}`).join("")}</dl>`;
}

/** @param rows of HTML; nothing is rendered where there is none */
function renderTable(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const cells = (tag: string, row: readonly string[]) => row.map((cell) => `<${tag}>${cell}</${tag}>`).join("");
  const body = rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n");
  return `<h2>${title}</h2><table><thead><tr>${cells("th", head)}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}

function badge(word: string): string {
  return `<span class="${word}">${word}</span>`;
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replaceAll(/[&<>"]/g, (found) => entities[found] ?? found);
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0 } main { max-width: 70rem; margin: auto; padding: 1rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; border-bottom: 1px solid #8884 }
dt { float: left; clear: left; width: 6rem; opacity: .7 } dd { margin-left: 6rem }
pre { overflow-x: auto; font-size: .85rem } .violation { border-left: .4rem solid #c02d2d; padding-left: 1rem }
.valid, .invalid, .inconclusive, .passed, .failed, .skipped { padding: 0 .5rem; border-radius: .3rem; color: #fff; background: #666 }
.valid, .passed { background: #1b6e3c } .invalid, .failed { background: #b3261e } .inconclusive, .skipped { background: #8a5a00 }
`;
