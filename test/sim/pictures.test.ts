// The pictures in the documents are made from runs: what stands in the repository must be what the code makes today, and harmless where
// it is shown (a code host shows an SVG as an image: no scripts, nothing from elsewhere).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BUG_LESSONS } from "../../lab/scenario/course-order.ts";
import { makeExperiments } from "../documents/experiments.ts";
import { findXmlComplaints } from "../support/export-rules.ts";

const root = join(import.meta.dirname, "../..");

describe("the ten experiments", () => {
  const document = readFileSync(join(root, "compose/scenarios/EXPERIMENTS.md"), "utf8");

  // This also plays the original's six bugs, and fails unless the right checker names each, and without it the run is valid.
  test("document and pictures must be what the scenario files and their runs give (npm run pictures)", async () => {
    const stale = (await makeExperiments(root)).filter(
      ({ path, text }) => readFileSync(join(root, path), "utf8") !== text,
    );
    expect(stale.map(({ path }) => path)).toEqual([]);
  });

  test("each must ask before it shows, and tell what comes next", () => {
    const chapters = document.split(/^## /m).slice(1);
    expect(chapters.filter((chapter) => /^\d+\. /.test(chapter))).toHaveLength(10);
    const parts = ["Goal", "Predict", "Run", "Answer", "Steps", "Observe", "Explain", "Break it more", "Check"];
    for (const chapter of chapters.filter((one) => /^\d+\. /.test(one)))
      expect(parts.map((part) => chapter.indexOf(`**${part}:**`))).toEqual(
        parts.map((part) => chapter.indexOf(`**${part}:**`)).toSorted((a, b) => a - b),
      );
    expect(document).not.toMatch(/\*\*\w[\w ]*:\*\* \.?$/m);
    expect(document).not.toMatch(/undefined|NaN/);
  });

  test("no answer may stand where it is read before the question is", () => {
    const open = document.replaceAll(/<details>[\s\S]*?<\/details>/g, "");
    expect(document.match(/<details>/g)).toHaveLength(16);
    expect(open).not.toMatch(/\*\*(?:Answer|Explain|Observe|Check):/);
    expect(open).not.toMatch(/!\[|invalid|\bok\b/);
  });

  test("all of the original's six challenges must be there, each with its bug", () => {
    expect(BUG_LESSONS.map(({ challenge }) => challenge)).toEqual([1, 2, 3, 4, 5, 6]);
    for (const { bug } of BUG_LESSONS) expect(document).toContain(`--bug ${bug}`);
  });

  test("pictures must be well-formed, and show nothing from elsewhere", () => {
    const pictures = [...document.matchAll(/\]\((pictures\/[^)]*)\)/g)].map(([, path = ""]) => path);
    expect(pictures).toHaveLength(10);
    for (const path of pictures) {
      const svg = readFileSync(join(root, "compose/scenarios", path), "utf8");
      expect(findXmlComplaints(svg), path).toEqual([]);
      expect(svg, path).not.toMatch(/<script|<foreignObject|\son\w+=|@import/i);
    }
  });
});
