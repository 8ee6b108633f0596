/**
 * The page on a phone, a laptop and a large screen, with three to fifty nodes: nothing is cut off, nothing lies over anything else, and
 * people who can't see the screen or use a mouse get everything. What canvases draw is placed by functions that test/unit/page-layout.test.ts
 * holds to the same.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPage } from "../../build.mjs";
import { renderReport } from "../../lab/page/render-report.ts";
import { findBarriersOnPanels, openBrowser, takePicture } from "../support/browser.ts";
import { isExtended } from "../support/extended.ts";
import { makeJournal } from "../support/page-journal.ts";
import { findMisplaced } from "./find-misplaced.ts";

const SIZES = [
  { width: 390, height: 844 },
  { width: 1280, height: 720 },
  { width: 1920, height: 1080 },
];

let folder: string;
let template: string;
let browser: Browser;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "energy-lab-layout-"));
  [template, browser] = await Promise.all([buildPage().then((path) => readFileSync(path, "utf8")), openBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Three and twenty have the same page with more room. */
const COUNTS = isExtended ? [3, 5, 20, 50] : [5, 50];

it.each(COUNTS)("%i nodes must have room at every size, on every panel", async (nodes) => {
  const path = join(folder, `${nodes}.html`);
  const about = {
    title: "a title that needs more room than there is in the head of a page at 1280 pixels or on any phone",
    verdict: "inconclusive" as const,
    reason: "agreement: not yet, and the run ended 0 s after the last disturbance",
    replay: "lab run compose/scenarios/06-split-brain.yaml --runtime sim --seed 7",
    lesson: null,
    steps: [],
  };
  const journal = makeJournal({ nodes, seconds: 6, linesPerSecond: 400 });
  writeFileSync(path, renderReport(template, journal, [], about));
  await using page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(pathToFileURL(path).href);
  await page.waitForFunction(() => globalThis.energyLab?.store.isLoading === false);
  // The leader is dead, and not replaced everywhere.
  await page.evaluate(() => globalThis.energyLab.store.seek(globalThis.energyLab.store.bounds.beginMs + 2_130));
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const tab of await page.getByRole("tab").all()) {
      await tab.click();
      // Two frames: one that measures, one that paints.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      expect(await findMisplaced(page), `${size.width} x ${size.height}, ${await tab.innerText()}`).toEqual([]);
    }
    await takePicture(page, `layout-${nodes}-${size.width}`);
  }
  // The fullest page of all is where something scrolls that a keyboard can't reach.
  if (nodes === 50) expect(await findBarriersOnPanels(page)).toEqual([]);
  expect(complaints).toEqual([]);
});
