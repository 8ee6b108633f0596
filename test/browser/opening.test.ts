/**
 * The recorder of the picture at the top of README.md: what it writes must be a moving GIF of the page. Its bytes differ from machine to
 * machine, so the picture in the repository isn't compared, only bounded.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { buildPage } from "../../build.mjs";
import { readRun } from "../../lab/journal/stored-run.ts";
import { renderReport } from "../../lab/page/render-report.ts";
import { OPENING, recordPage } from "../documents/record-opening.ts";
import { openBrowser } from "../support/browser.ts";

const root = join(import.meta.dirname, "../..");

/** How many frames a GIF has: each has a graphic control extension. */
function countFrames(gif: Buffer): number {
  return gif.toString("latin1").split("\x21\xf9\x04").length - 1;
}

it("a stored run must become a moving picture, whose frames hold only what changes", async () => {
  const journal = await readRun(join(root, "test/testdata/runs/leader-killed"));
  const report = renderReport(readFileSync(await buildPage(), "utf8"), journal, []);
  await using browser = await openBrowser();
  const gif = Buffer.from(await recordPage(browser, report, [{ fromMs: 0, toMs: 2_000, frames: 6 }]));
  expect(gif.toString("latin1", 0, 6)).toBe("GIF89a");
  expect([gif.readUInt16LE(6), gif.readUInt16LE(8)]).toEqual([928, 555]);
  expect(countFrames(gif)).toBeGreaterThan(3);
  const last = Buffer.from(await recordPage(browser, report, [{ fromMs: 2_000, toMs: 2_000, frames: 3 }]));
  // What doesn't change is one frame that stays longer.
  expect(countFrames(last)).toBe(1);
  expect(gif.length).toBeLessThan(4 * last.length);
});

it("the picture in the repository must move, and be small enough for a document", () => {
  const gif = readFileSync(join(root, OPENING));
  expect(gif.toString("latin1", 0, 6)).toBe("GIF89a");
  expect(countFrames(gif)).toBeGreaterThan(50);
  expect(gif.length).toBeLessThan(1_500_000);
});
