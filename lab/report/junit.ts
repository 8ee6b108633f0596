/**
 * `junit.xml`: steps and checks as test cases, for every CI that shows such files. What couldn't be judged is `skipped`, with its reason;
 * the proof of a violation is the failure's text. The dialect is the one that Jenkins, GitLab and GitHub's reporters read alike.
 */

import type { RunRecord } from "../cluster/run-record.ts";
import type { Entry } from "../journal/entry.ts";

interface TestCase {
  readonly suite: "steps" | "checks";
  readonly name: string;
  readonly seconds: number;
  readonly outcome:
    | { readonly state: "passed" }
    | { readonly state: "skipped"; readonly why: string }
    | { readonly state: "failed"; readonly why: string; readonly text: string };
}

/** Test cases of several runs in one file, a suite for each group. @param why empty: it passed */
export function renderCases(
  title: string,
  groups: ReadonlyMap<string, readonly { name: string; seconds: number; why: string }[]>,
): string {
  const suites = [...groups].map(([group, cases]) => {
    const lines = cases.map(({ name, seconds, why }) => {
      const head = `    <testcase classname="${escapeXml(group)}" name="${escapeXml(name)}" time="${seconds.toFixed(3)}"`;
      return why === "" ? `${head}/>` : `${head}><failure message="${escapeXml(why)}"/></testcase>`;
    });
    const failures = cases.filter(({ why }) => why !== "").length;
    return [
      `  <testsuite name="${escapeXml(group)}" tests="${cases.length}" failures="${failures}">`,
      ...lines,
      "  </testsuite>",
    ].join("\n");
  });
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<testsuites name="${escapeXml(title)}">`,
    ...suites,
    "</testsuites>\n",
  ].join("\n");
}

export function renderJunit(record: RunRecord): string {
  const cases = [...listSteps(record), ...listChecks(record)];
  const seconds = record.tookMs / 1_000;
  const suites = (["steps", "checks"] as const)
    .map((suite) => ({ suite, own: cases.filter((item) => item.suite === suite) }))
    .filter(({ own }) => own.length > 0)
    .map(({ suite, own }) => renderSuite(record, suite, own));
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<testsuites name="${escapeXml(record.title)}" ${counts(cases)} time="${seconds.toFixed(3)}">`,
    ...suites,
    "</testsuites>\n",
  ].join("\n");
}

function listSteps(record: RunRecord): readonly TestCase[] {
  const steps = record.steps.map(({ path, what, state, tookMs, detail }): TestCase => {
    const outcome =
      state === "passed"
        ? { state }
        : state === "skipped"
          ? { state, why: detail === "" ? "an earlier step failed" : detail }
          : { state, why: detail, text: detail };
    return { suite: "steps", name: `${path} ${what}`, seconds: tookMs / 1_000, outcome };
  });
  const { failure } = record;
  if (failure === null || steps.some(({ outcome }) => outcome.state === "failed")) return steps;
  const outcome = { state: "failed", why: failure.message, text: `${failure.message}\n${failure.hint}` } as const;
  return [...steps, { suite: "steps", name: "run to the end", seconds: 0, outcome }];
}

function listChecks(record: RunRecord): readonly TestCase[] {
  return record.checks.map(({ check, verdict, violations, detail }) => {
    const common = { suite: "checks", name: check, seconds: 0 } as const;
    if (verdict === "valid") return { ...common, outcome: { state: "passed" } };
    if (verdict === "nothing to judge")
      return { ...common, outcome: { state: "skipped", why: `${verdict}: ${detail}` } };
    if (verdict === "inconclusive") return { ...common, outcome: { state: "skipped", why: `inconclusive: ${detail}` } };
    const text = violations.map(({ what, proof }) => [what, ...proof.map(describeEntry)].join("\n")).join("\n\n");
    return { ...common, outcome: { state: "failed", why: violations[0]?.what ?? detail, text } };
  });
}

function renderSuite(record: RunRecord, suite: string, cases: readonly TestCase[]): string {
  const started = new Date(record.startedAtMs).toISOString().slice(0, 19);
  const seconds = cases.reduce((sum, item) => sum + item.seconds, 0).toFixed(3);
  return [
    `  <testsuite name="${escapeXml(`${record.title}: ${suite}`)}" ${counts(cases)} time="${seconds}" timestamp="${started}">`,
    ...cases.map((item) => renderCase(record, item)),
    "  </testsuite>",
  ].join("\n");
}

function renderCase(record: RunRecord, { suite, name, seconds, outcome }: TestCase): string {
  const className = escapeXml(`${record.title}.${suite}`);
  const head = `    <testcase classname="${className}" name="${escapeXml(name)}" time="${seconds.toFixed(3)}"`;
  if (outcome.state === "passed") return `${head}/>`;
  const why = escapeXml(outcome.why);
  const inner =
    outcome.state === "skipped"
      ? `<skipped message="${why}"/>`
      : `<failure message="${why}">${escapeXml(outcome.text)}</failure>`;
  return `${head}>\n      ${inner}\n    </testcase>`;
}

function counts(cases: readonly TestCase[]): string {
  const count = (state: string) => cases.filter(({ outcome }) => outcome.state === state).length;
  return `tests="${cases.length}" failures="${count("failed")}" errors="0" skipped="${count("skipped")}"`;
}

/** `node 3.1 #57  msg`: which process wrote it, and its number there. */
export function describeEntry({ node, inc, seq, msg }: Pick<Entry, "node" | "inc" | "seq" | "msg">): string {
  return `${node === 0 ? "lab" : `node ${node}.${inc}`} #${seq}  ${msg}`;
}

/** Also without the control characters that XML 1.0 can't hold in any form. */
export function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text
    .replaceAll(UNWRITABLE, "\uFFFD")
    .replaceAll(/[&<>"]/g, (found) => entities[found] ?? found)
    .replaceAll("\n", "&#10;");
}

const UNWRITABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
