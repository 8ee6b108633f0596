/**
 * The playground and the page in Chromium: how soon something is there, how fast time passes in the worker, and how smoothly fifty nodes'
 * messages fly. Without a graphics processor, as in a test: a machine that has one does better.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { buildPage, buildPlayground } from "../../build.mjs";
import { renderReport } from "../../lab/page/render-report.ts";
import type { AskWorld } from "../../lab/play/play-protocol.ts";
import { findChromium, openBrowser } from "../support/browser.ts";
import { makeJournal } from "../support/page-journal.ts";
import type { Report } from "./report.ts";

interface Measured {
  readonly store: { readonly isLoading: boolean };
  readonly frames: number[];
  readonly paints: number[];
  openWorld(): Promise<{ readonly ask: AskWorld }>;
}

interface Shown {
  readonly energyLab: Measured;
}

const VIRTUAL_S = 60;

export async function benchPlayground(report: Report, rounds: number): Promise<void> {
  if (findChromium() === null) return report.note("no Chromium here: nothing of the page is measured");
  report.heading("playground and page, in Chromium without a graphics processor");
  const folder = await mkdtemp(join(tmpdir(), "energy-lab-bench-"));
  const browser = await openBrowser();
  try {
    const playground = pathToFileURL(await buildPlayground()).href;
    const opened = [];
    for (let round = 0; round < rounds; round++) opened.push(await timeOpening(browser, playground));
    const toGoal = { of: "median", atMost: 1_000 } as const;
    report.row({
      what: "playground: first screen",
      unit: "ms",
      samples: opened.map(({ screen }) => screen),
      goal: toGoal,
    });
    report.row({
      what: "playground: five nodes agree",
      unit: "ms",
      samples: opened.map(({ nodes }) => nodes),
      goal: null,
    });
    const speeds = await timeWorker(browser, playground, rounds);
    const fast = { of: "median", atLeast: 100 } as const;
    report.row({
      what: "five nodes in the worker: virtual seconds a second",
      unit: "ratio",
      samples: speeds,
      goal: fast,
    });
    const journal = makeJournal({ nodes: 50, seconds: 30, linesPerSecond: 1_000 });
    const path = join(folder, "fifty.html");
    await writeFile(path, renderReport(await readFile(await buildPage(), "utf8"), journal, []));
    const { frames, paints } = await timeFrames(browser, pathToFileURL(path).href);
    const smooth = { of: "median", atMost: 16.8 } as const;
    report.row({ what: "fifty nodes, messages fly: a frame", unit: "ms", samples: frames, goal: smooth });
    report.row({ what: "fifty nodes: its pictures", unit: "ms", samples: paints, goal: { of: "p99", atMost: 16.7 } });
  } finally {
    await browser.close();
    await rm(folder, { recursive: true });
  }
}

async function openPage(browser: Browser, address: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  await page.goto(address);
  await page.waitForFunction(() => (globalThis as unknown as Shown).energyLab?.store.isLoading === false);
  return page;
}

/** Milliseconds since the address was opened: until something is painted, and until the nodes live. */
async function timeOpening(
  browser: Browser,
  address: string,
): Promise<{ readonly screen: number; readonly nodes: number }> {
  const page = await openPage(browser, address);
  const times = await page.evaluate(() => ({
    nodes: performance.now(),
    screen: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.POSITIVE_INFINITY,
  }));
  await page.close();
  return times;
}

async function timeWorker(browser: Browser, address: string, rounds: number): Promise<readonly number[]> {
  const page = await openPage(browser, address);
  // The page's own world stands still meanwhile.
  await page.keyboard.press("Space");
  const speeds = await page.evaluate(
    async ([times, seconds]) => {
      const { ask } = await (globalThis as unknown as Shown).energyLab.openWorld();
      const found: number[] = [];
      let { nowMs } = await ask({ ask: "open", spec: { seed: 1, nodes: 5, bug: null, steps: [] }, untilMs: 20_000 });
      for (let round = 0; round < times; round++) {
        const beganMs = performance.now();
        ({ nowMs } = await ask({ ask: "advance", toMs: nowMs + seconds * 1_000 }));
        found.push((seconds * 1_000) / (performance.now() - beganMs));
      }
      return found;
    },
    [rounds, VIRTUAL_S] as const,
  );
  await page.close();
  return speeds;
}

async function timeFrames(browser: Browser, address: string): Promise<Pick<Measured, "frames" | "paints">> {
  const page = await openPage(browser, address);
  await page.getByLabel("Speed").selectOption("0.1");
  await page.keyboard.press("Space");
  const FRAMES = 300;
  await page.waitForTimeout(500);
  await page.evaluate(() => {
    const { frames, paints } = (globalThis as unknown as Shown).energyLab;
    frames.length = paints.length = 0;
  });
  await page.waitForFunction((count) => (globalThis as unknown as Shown).energyLab.frames.length >= count, FRAMES);
  const measured = await page.evaluate(() => {
    const { frames, paints } = (globalThis as unknown as Shown).energyLab;
    return { frames, paints };
  });
  await page.close();
  return measured;
}
