/** `report.html`: a stored run inside the page, in one file. */
import { inflateRawSync } from "node:zlib";
import { expect, it } from "vitest";
import type { CheckResult } from "../../lab/check/verdict.ts";
import { INSIDE_ID, JOURNAL_ID, type RunAbout, type RunInside } from "../../lab/page/model/run-inside.ts";
import { renderReport } from "../../lab/page/render-report.ts";
import { makeJournal } from "../support/page-journal.ts";

const TEMPLATE = `<!doctype html><html><head><title>energy-lab</title></head><body><div id="page"></div></body></html>`;
const journal = makeJournal({ nodes: 5, seconds: 3, linesPerSecond: 200 });
const nasty = `</script><script>alert(1)</script><!-- & $& "quoted"`;
const checks: readonly CheckResult[] = [
  {
    check: "conservation",
    verdict: "invalid",
    violations: [{ what: nasty, proof: journal.entries.slice(0, 80) }],
    detail: "",
  },
];
const about: RunAbout = { title: nasty, verdict: "invalid", reason: nasty, replay: null, lesson: null, steps: [] };

function contentOf(html: string, id: string): string {
  return new RegExp(`<script type="application/[a-z-]+" id="${id}">([^<]*)</script>`).exec(html)?.[1] ?? "";
}

it("a report must give back the run that went in", () => {
  const html = renderReport(TEMPLATE, journal, checks, about);
  const inside = JSON.parse(contentOf(html, INSIDE_ID)) as RunInside;
  expect(inside).toMatchObject({ format: 1, facts: journal.facts, about });
  // Of a violation the last lines stay: they say where it broke.
  expect(inside.checks[0]?.violations[0]?.proof).toEqual(journal.entries.slice(30, 80));
  const lines = inflateRawSync(Buffer.from(contentOf(html, JOURNAL_ID), "base64"))
    .toString()
    .split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual(journal.entries.map(({ run: _, ...entry }) => entry));
});

it("a report must not let words of a run become a part of the page", () => {
  const html = renderReport(TEMPLATE, journal, checks, about);
  expect(html).not.toContain("<script>alert");
  expect(html.match(/<\/script>/g)).toHaveLength(2);
  expect(html.includes("<title>invalid: &lt;/script&gt;&lt;script&gt;alert(1)")).toBe(true);
});

it("a report must tell a reader without scripts its verdict as plain text", () => {
  const html = renderReport(TEMPLATE, journal, checks, about, `invalid: ${nasty}`);
  const [, text] = /<noscript><pre>([^<]*)<\/pre><\/noscript>/.exec(html) ?? [];
  expect(text).toBe(`invalid: &lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;!-- &amp; $&amp; "quoted"`);
});

it("a report of a minute of five nodes must be smaller than 2 MB", () => {
  // As many lines as five nodes write at journal level wire.
  const minute = makeJournal({ nodes: 5, seconds: 60, linesPerSecond: 600 });
  expect(renderReport(TEMPLATE, minute, []).length).toBeLessThan(2_000_000);
});

it("what isn't the page must be refused as its template", () => {
  expect(() => renderReport("<p>no page</p>", journal, [])).toThrow(/isn't the built page/);
});
