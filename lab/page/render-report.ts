/**
 * `report.html`: the page with a stored run inside. Idea: the built page is the template; the run goes into two elements that no browser
 * executes, and the page that finds them replays them instead of asking a server. So one file opens anywhere, from disk, without a net.
 */
import { deflateRawSync } from "node:zlib";
import type { CheckResult } from "../check/verdict.ts";
import { type Entry, formatEntry } from "../journal/entry.ts";
import type { Journal } from "../journal/journal.ts";
import { INSIDE_ID, JOURNAL_ID, type RunAbout, type RunInside } from "./model/run-inside.ts";

/** Lines that prove one violation, at most: the last ones say where it broke. */
const PROOF_MAX = 50;

/**
 * Pure.
 * @param template the built page (dist/page.html)
 * @param summary plain text for a reader whose browser runs no scripts
 * @throws RangeError when the template isn't that page
 */
export function renderReport(
  template: string,
  journal: Journal,
  checks: readonly CheckResult[],
  about: RunAbout | null = null,
  summary = "",
): string {
  const at = template.lastIndexOf("</body>");
  if (at < 0) throw new RangeError("the template isn't the built page: it has no </body>");
  const inside: RunInside = {
    format: 1,
    facts: journal.facts,
    gaps: journal.gaps,
    checks: checks.map((check) => ({
      ...check,
      violations: check.violations.map(({ what, proof }) => ({ what, proof: proof.slice(-PROOF_MAX) })),
    })),
    about,
  };
  const packed = deflateRawSync(journal.entries.map((entry) => formatEntry(withoutRun(entry))).join("\n"), {
    level: 9,
  });
  const elements = [
    ...(summary === "" ? [] : [`<noscript><pre>${escapeHtml(summary)}</pre></noscript>`]),
    `<script type="application/json" id="${INSIDE_ID}">${escapeScript(JSON.stringify(inside))}</script>`,
    `<script type="application/octet-stream" id="${JOURNAL_ID}">${packed.toString("base64")}</script>`,
  ];
  const title = `<title>${escapeHtml(`${about === null ? journal.facts.lab : `${about.verdict}: ${about.title}`}`)}</title>`;
  const head = template.slice(0, at).replace(/<title>[^<]*<\/title>/, () => title);
  return `${head}${elements.join("\n")}\n${template.slice(at)}`;
}

/** The same in each line, and in the facts. */
function withoutRun(entry: Entry): Entry {
  const { run: _, ...rest } = entry;
  return rest as Entry;
}

/** JSON that can't end the element it stands in, nor begin a comment there. */
function escapeScript(json: string): string {
  return json.replaceAll("<", "\\u003c").replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
