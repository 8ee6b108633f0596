// The pictures in the documents are made from runs: what stands in the repository must be what the code makes today, and harmless where
// it is shown (a code host shows an SVG as an image: no scripts, nothing from elsewhere).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BUG_LESSONS } from "../../lab/pictures/course.ts";
import { makeExperiments } from "../../lab/pictures/experiments.ts";
import { stretchTime } from "../../lab/pictures/film-time.ts";
import { makeOpening, OPENING } from "../../lab/pictures/pictures.ts";
import { findXmlComplaints } from "../support/export-rules.ts";

const root = join(import.meta.dirname, "../..");

describe("the moving picture", () => {
  const svg = readFileSync(join(root, OPENING), "utf8");

  test("it must be what the run of its scenario gives (npm run pictures)", async () => {
    const made = await makeOpening(root);
    expect(made.text === svg, "not current: npm run pictures, and look at it").toBe(true);
  });

  test("it must be well-formed, small, and without scripts or anything from elsewhere", () => {
    expect(findXmlComplaints(svg)).toEqual([]);
    expect(Buffer.byteLength(svg)).toBeLessThan(150_000);
    expect(svg).not.toMatch(/<script|<foreignObject|\son\w+=|href=|url\((?!#)|@import/i);
    expect(svg).toMatch(/role="img" aria-label="[^"]{40,}"/);
  });

  test("it must move for those only who want motion", () => {
    const style = /<style>(.*)<\/style>/s.exec(svg)?.[1] ?? "";
    const guarded = style.indexOf("@media (prefers-reduced-motion:no-preference){");
    expect(guarded).toBeGreaterThan(0);
    for (const rule of ["@keyframes", "animation-name", "animation-duration"])
      expect(style.indexOf(rule)).toBeGreaterThan(guarded);
    expect(svg).not.toMatch(/<(animate|animateMotion|animateTransform|set)\b/);
  });
});

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
    const parts = ["Goal", "Predict", "Run", "Observe", "Explain", "Break it more", "Check"];
    for (const chapter of chapters.filter((one) => /^\d+\. /.test(one)))
      expect(parts.map((part) => chapter.indexOf(`**${part}:** `))).toEqual(
        parts.map((part) => chapter.indexOf(`**${part}:** `)).toSorted((a, b) => a - b),
      );
    expect(document).not.toMatch(/\*\*\w[\w ]*:\*\* \.?$/m);
    expect(document).not.toMatch(/undefined|NaN/);
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

describe("the time of a film", () => {
  test("a message must be long enough to be seen, and nothing must happen before what it follows from", () => {
    const time = stretchTime(
      2_000,
      [
        { fromMs: 100, untilMs: 100.3, leastMs: 600 },
        { fromMs: 100.1, untilMs: 100.6, leastMs: 600 },
        { fromMs: 1_000, untilMs: 1_800, leastMs: 600 },
      ],
      1,
    );
    expect(time.toFilm(100.3) - time.toFilm(100)).toBeGreaterThanOrEqual(600);
    expect(time.toFilm(100.6) - time.toFilm(100.1)).toBeGreaterThanOrEqual(600);
    expect(time.toFilm(1_800) - time.toFilm(1_000)).toBeCloseTo(800);
    expect(time.toFilm(100)).toBeCloseTo(100);
    const films = time.knots.map(([, filmMs]) => filmMs);
    expect(films).toEqual([...films].sort((a, b) => a - b));
    expect(time.totalMs).toBe(time.toFilm(2_000));
  });
});
