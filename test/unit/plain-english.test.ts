// Words and openings that make our prose hard to read (CONTRIBUTING.md). No text of the project may have them.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PROJECT_ROOT } from "../support/sources.ts";

const stiffWords = ["anew", "hence", "mended", "shall", "thereof", "told of", "whence", "wherein", "whoever"];

/** A statement like "Who waits gets less": it lacks a subject. Questions are fine, and so are labels without a full stop. */
const subjectless = /(?:^|[.:*/#] +)Who [a-z][^.?\n]*[.:](?:\s|$)/m;

const files = globSync(["*.md", "{node,lab,test,compose,.ci,.github}/**/*.{ts,tsx,css,md,yaml,yml}"], {
  cwd: PROJECT_ROOT,
})
  .filter((file) => !file.includes("node_modules") && !file.endsWith("plain-english.test.ts"))
  .sort();

/** `file:line: text` for each line of `text` that breaks a rule. */
function findStiff(file: string, text: string): string[] {
  const stiff = new RegExp(`\\b(?:${stiffWords.join("|")})\\b`, "i");
  return text
    .split("\n")
    .flatMap((line, at) => (stiff.test(line) || subjectless.test(line) ? [`${file}:${at + 1}: ${line.trim()}`] : []));
}

test("the rules must find what they forbid, and only that", () => {
  const lines = [
    "begin anew.",
    "Whoever asks, gets it.",
    "// Who joins knows less.",
    "Who can join? Anybody.",
    "### Who reads it",
  ];
  expect(findStiff("a.md", lines.join("\n")).map((found) => found.split(":")[1])).toEqual(["1", "2", "3"]);
});

test("no document, comment, message or test name may have stiff words or statements without a subject", () => {
  expect(files.length).toBeGreaterThan(800);
  expect(files.flatMap((file) => findStiff(file, readFileSync(join(PROJECT_ROOT, file), "utf8")))).toEqual([]);
});
