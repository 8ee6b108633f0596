/**
 * The playground as its users get it: the built file, opened from the disk. The world itself is tested without a browser
 * (test/sim/playground.test.ts); here it is the page, the worker, and that both give the journal that Node gives.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { deflateRawSync, gzipSync } from "node:zlib";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPlayground, readScenarios } from "../../build.mjs";
import { openPlayHost } from "../../lab/play/play-host.ts";
import type { PlaySpec } from "../../lab/play/play-protocol.ts";
import { findBarriers, findBarriersOnPanels, openBrowser, takePicture } from "../support/browser.ts";
import { isExtended } from "../support/extended.ts";
import { drawLogs, hashRuns, listLessons } from "../support/played-runs.ts";

/** Questions of a test to the page: its own parts (lab/page/play/playground.tsx). */
interface Played {
  readonly place: "worker" | "page";
  readonly world: {
    readonly spec: PlaySpec;
    readonly headMs: number;
    readonly beganMs: number;
    readonly saved: { readonly link: string } | null;
    hash(): Promise<string>;
    restart(change: Partial<PlaySpec>): void;
  };
  readonly store: {
    readonly isLoading: boolean;
    readonly trouble: string;
    readonly atMs: number;
    readonly flying: readonly { readonly x: number; readonly y: number }[];
    readonly checks: readonly { readonly check: string }[];
    readonly playback: { mode: string; setSpeed(speed: number): void };
  };
}

let browser: Browser;
let folder: string;
let address: string;
const complaints: string[] = [];

beforeAll(async () => {
  browser = await openBrowser();
  folder = mkdtempSync(join(tmpdir(), "energy-lab-playground-"));
  // By itself, without anything of the project beside it.
  const path = join(folder, "playground.html");
  writeFileSync(path, readFileSync(await buildPlayground()));
  address = pathToFileURL(path).href;
}, 60_000);

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(fragment = "", options: BrowserContextOptions = {}, before?: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 }, ...options });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !/^(data|blob):/.test(url)) complaints.push(`it asked for ${url}`);
  });
  if (before !== undefined) await page.addInitScript(before);
  await page.goto(`${address}${fragment}`);
  await page.waitForFunction(() => (globalThis.energyLab as unknown as Played)?.store.isLoading === false);
  return page;
}

async function closeQuietly(page: Page): Promise<void> {
  await page.close();
  expect(complaints.splice(0)).toEqual([]);
}

/** Everything that can be asked in one look. */
function look(page: Page) {
  return page.evaluate(() => {
    const { place, world, store } = globalThis.energyLab as unknown as Played;
    const { spec, headMs, beganMs, saved } = world;
    const { trouble, atMs, checks, playback } = store;
    return {
      place,
      spec,
      headMs,
      beganMs,
      saved,
      trouble,
      atMs,
      mode: playback.mode,
      checks: checks.map(({ check }) => check),
    };
  });
}

function hashOf(page: Page): Promise<string> {
  return page.evaluate(() => (globalThis.energyLab as unknown as Played).world.hash());
}

/** The same run in Node. */
async function hashInNode({
  spec,
  headMs,
  beganMs,
}: {
  spec: PlaySpec;
  headMs: number;
  beganMs: number;
}): Promise<string> {
  const ask = openPlayHost();
  await ask({ ask: "open", spec, untilMs: headMs - beganMs });
  return (await ask({ ask: "hash" })).hash ?? "";
}

function pack(run: object): string {
  return deflateRawSync(JSON.stringify(run)).toString("base64url");
}

function headline(page: Page) {
  return page.locator("header .headline");
}

async function setSpeed(page: Page, speed: number): Promise<void> {
  await page.getByLabel("Speed").selectOption(String(speed));
}

it("the playground must be one file of less than 300 kB, compressed", () => {
  const html = readFileSync(join(folder, "playground.html"));
  expect(gzipSync(html, { level: 9 }).length).toBeLessThan(300_000);
  expect(html.toString()).not.toMatch(/<(?:script|link)[^>]+(?:src|href)="(?!data:)/);
});

it("a card of the course must ask, run the bug and its cure in fresh worlds, compare, and be kept", async () => {
  const page = await open();
  const panel = page.getByRole("tabpanel");
  await page.getByRole("tab", { name: "Course" }).click();
  await page.getByRole("button", { name: "Two winners of one election" }).click();
  await expect.poll(() => page.getByRole("button", { name: "Run it with the bug" }).count()).toBe(0);
  await page.getByLabel("Your number").fill("2");
  await page.getByRole("button", { name: "That is my prediction" }).click();
  await page.getByRole("button", { name: "Run it with the bug" }).click();
  const next = page.getByRole("button", { name: "Next step" });
  for (const say of ["can't hear", "coordinator dies", "Each half"]) {
    await expect.poll(() => panel.locator('[aria-current="step"]').innerText(), { timeout: 20_000 }).toContain(say);
    await next.click();
  }
  await expect.poll(() => panel.innerText(), { timeout: 20_000 }).toContain("✓ As you predicted: 2");
  expect((await look(page)).checks).toEqual(["one-leader"]);
  await takePicture(page, "playground-course");
  await page.getByRole("button", { name: "Run it without" }).click();
  for (let step = 0; step < 5; step++) await next.click({ timeout: 20_000 });
  await expect.poll(() => panel.innerText(), { timeout: 20_000 }).toContain("Without the bug, every promise was kept");
  expect(await findBarriersOnPanels(page)).toEqual([]);
  await page.reload();
  await page.getByRole("tab", { name: "Course" }).click();
  await expect.poll(() => panel.innerText()).toContain("1 of 16 done, 1 predicted right");
  await closeQuietly(page);
});

it("every engine must give the same journals: random actions, and scenarios", { timeout: 120_000 }, async () => {
  const ask = openPlayHost(await readScenarios());
  // All scenarios take a minute.
  const lessons = (await listLessons(ask)).filter(({ name }) => isExtended || name.includes("heartbeats"));
  const runs = [...drawLogs(), ...lessons];
  const page = await open();
  // The page's own world would take a part of the processor.
  await page.keyboard.press("Space");
  const [here, there] = await Promise.all([hashRuns(runs, ask), page.evaluate(hashRuns, runs)]);
  expect(runs.length).toBeGreaterThan(51);
  expect(there).toEqual(here);
  await closeQuietly(page);
});

describe("five nodes in a page from the disk", () => {
  it("must live in a worker, elect another leader by clicks, and give the journal that Node gives", async () => {
    const page = await open();
    await expect.poll(() => headline(page).innerText()).toContain("Coordinator 5, elected");
    expect((await look(page)).place).toBe("worker");
    await takePicture(page, "playground-1-opened");
    await page.getByRole("button", { name: "Pay somebody" }).click();
    await expect.poll(() => page.locator(".outcome").innerText()).toContain("sell 1 2 10");
    await page.getByRole("button", { name: "Kill the leader" }).click();
    await expect.poll(() => page.locator(".outcome").innerText()).toContain("killed 5 (coordinator)");
    await setSpeed(page, 5);
    await expect.poll(() => headline(page).innerText(), { timeout: 10_000 }).toContain("Coordinator 4, elected");
    await page.keyboard.press("Space");
    await expect.poll(() => page.locator("header .badge").innerText()).toContain("PAUSED");
    await takePicture(page, "playground-2-killed");
    expect(await hashOf(page)).toBe(await hashInNode(await look(page)));

    // The link is the run, in another tab.
    await page.getByRole("button", { name: "Keep this run" }).click();
    await expect.poll(async () => (await look(page)).saved).not.toBeNull();
    const { saved, headMs } = await look(page);
    const other = await open(`#run=${saved?.link}`);
    // As long as it was shown, to the millisecond; then it is to go on to the same instant.
    await other.keyboard.press("Space");
    expect((await look(other)).headMs).toBeCloseTo(headMs, 1);
    expect(await hashOf(other)).toBe(await hashOf(page));
    await closeQuietly(other);
    await closeQuietly(page);
  });

  it("must stand still, go on event by event, and branch where somebody acts in the past", async () => {
    const page = await open();
    await page.keyboard.press("Space");
    await expect.poll(async () => (await look(page)).mode).toBe("paused");
    await page.waitForFunction(() => {
      const { store, world } = globalThis.energyLab as unknown as Played;
      return store.atMs === world.headMs;
    });
    const { headMs } = await look(page);
    await page.keyboard.press("ArrowRight");
    await expect.poll(async () => (await look(page)).headMs).toBeGreaterThan(headMs);
    expect((await look(page)).headMs - headMs).toBeLessThan(1_000);
    await page.getByRole("button", { name: "Cut the network" }).click();
    await expect.poll(async () => (await look(page)).spec.steps.length).toBe(1);
    await page.getByRole("button", { name: "Go on" }).click();
    await setSpeed(page, 5);
    await expect.poll(async () => (await look(page)).headMs - headMs, { timeout: 10_000 }).toBeGreaterThan(3_000);
    await page.keyboard.press("Space");
    await page.evaluate(() => document.querySelector<HTMLElement>("#page")?.focus());
    for (let seconds = 0; seconds < 10; seconds++) await page.getByRole("button", { name: "Back 1 s" }).click();
    await expect.poll(() => page.locator("header .badge").innerText()).toContain("THE PAST");
    await page.getByRole("button", { name: "Kill the leader" }).click();
    await expect.poll(async () => (await look(page)).spec.steps.map((step) => "kill" in step)).toEqual([true]);
    await closeQuietly(page);
  });

  it("must hold messages in hand: drop one by a click on it, treat others in the tray, and take a branch up again", async () => {
    const page = await open();
    const steps = async () =>
      (await look(page)).spec.steps.map(({ at: _at, background: _background, ...step }) => step);
    await page.getByRole("button", { name: "Hold the next message" }).click();
    await expect.poll(() => page.locator(".flight").count()).toBeGreaterThan(0);
    await page.locator("summary", { hasText: "Timers that are due" }).click();
    await takePicture(page, "playground-5-tray");
    const name = (await page.locator(".flight p").first().getAttribute("title")) ?? "";
    await page.locator(".flight").first().getByRole("button", { name: "Delay 200 ms" }).click();
    await expect.poll(steps).toEqual([{ delay: { message: name, by: "200ms" } }]);
    await expect.poll(() => page.locator(".outcome").innerText()).toContain("by 0.20 s");
    expect(
      await page.locator(".flight p").evaluateAll((rows) => rows.map((row) => row.getAttribute("title"))),
    ).toContain(name);
    expect((await look(page)).mode).toBe("paused");

    // Shown for longer than it flies: the click drops it where it was sent.
    await page.getByRole("button", { name: "Go on" }).click();
    const dropped = async (): Promise<boolean> => {
      await page.evaluate(() => {
        // One click is enough: the world answers a little later.
        if (document.querySelector(".outcome")?.textContent?.startsWith("drop") === true) return;
        const ring = document.querySelector<HTMLElement>(".canvas.ring canvas");
        const [spot] = (globalThis.energyLab as unknown as Played).store.flying;
        if (ring === null || spot === undefined) return;
        const { left, top } = ring.getBoundingClientRect();
        ring.dispatchEvent(new MouseEvent("click", { clientX: left + spot.x, clientY: top + spot.y, bubbles: true }));
      });
      return (await steps()).some((step) => "drop" in step);
    };
    await expect.poll(dropped, { timeout: 10_000 }).toBe(true);
    await expect.poll(() => page.locator(".outcome").innerText()).toContain("dropped ");
    const branch = page.getByRole("group", { name: "Other branches" }).getByRole("button").first();
    await expect.poll(() => branch.innerText()).toMatch(/nothing more was done|delay /);
    await page.getByRole("button", { name: "Pause", exact: true }).first().click();
    await expect.poll(async () => (await look(page)).mode).toBe("paused");
    expect(await hashOf(page)).toBe(await hashInNode(await look(page)));
    await takePicture(page, "playground-6-branch");
    const left = JSON.stringify(await steps());
    await branch.click();
    await expect.poll(async () => JSON.stringify(await steps())).not.toBe(left);
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole("button", { name: "Hold the next message" }).click();
    await expect.poll(() => page.locator(".flight").count()).toBeGreaterThan(0);
    await page.locator(".tray").scrollIntoViewIfNeeded();
    await takePicture(page, "playground-7-tray-phone");
    await closeQuietly(page);
  });

  it("must turn red where a bug breaks a promise, show what proves it, and give a badge to the hand that did it", async () => {
    const page = await open();
    await page.getByLabel("Bug").selectOption("amnesia");
    await expect.poll(async () => (await look(page)).spec.bug).toBe("amnesia");
    for (const name of ["Pay somebody", "Kill the leader", "Bring 5 back"])
      await page.getByRole("button", { name }).click();
    await setSpeed(page, 10);
    await expect.poll(async () => (await look(page)).checks.length, { timeout: 10_000 }).toBe(1);
    await expect.poll(() => page.getByRole("tabpanel").locator(".violation li").count()).toBeGreaterThan(0);
    expect((await look(page)).mode).toBe("paused");
    await takePicture(page, "playground-3-broken");
    // The next one is a game: which bug it is, hints say one by one, and the last hint plays it without a badge.
    const panel = page.getByRole("tabpanel");
    expect(await panel.locator(".won").innerText()).toContain("Broken by your own hand, without a hint");
    await page.getByRole("button", { name: "Find another one" }).click();
    await page.getByRole("tab", { name: "Try" }).click();
    await expect.poll(async () => (await look(page)).spec.bug).toBe("no-incarnation");
    await expect.poll(() => page.getByLabel("Bug").count()).toBe(0);
    for (const hint of [1, 2, 3]) await page.getByRole("button", { name: `Hint ${hint} of 4` }).click();
    const recipe = "Do this: netem 3 delay 4s jitter 2s, then restart 3";
    await expect.poll(() => panel.locator(".hints").innerText()).toContain(recipe);
    await takePicture(page, "playground-8-hints");
    await page.getByRole("button", { name: "Hint 4 of 4" }).click();
    await expect.poll(async () => (await look(page)).checks.length, { timeout: 10_000 }).toBe(1);
    await expect.poll(() => panel.locator(".won").count()).toBe(0);
    await closeQuietly(page);
  });

  it("must show two runs side by side, and mark in both where they part", async () => {
    const page = await open();
    await page.getByLabel("Bug").selectOption("amnesia");
    await expect.poll(async () => (await look(page)).spec.bug).toBe("amnesia");
    for (const name of ["Pay somebody", "Kill the leader", "Bring 5 back"])
      await page.getByRole("button", { name }).click();
    await setSpeed(page, 10);
    await expect.poll(async () => (await look(page)).checks.length, { timeout: 10_000 }).toBe(1);
    await page.getByRole("tab", { name: "Try" }).click();
    await page.getByLabel("Compare this run with").selectOption("without its bug");
    const compared = page.getByRole("group", { name: "Two runs side by side" });
    await expect
      .poll(() => compared.innerText(), { timeout: 10_000 })
      .toMatch(/They part in the step “start 5”[\s\S]*(here|there) only, node 5/);
    expect(await page.locator(".stage .other-run").innerText()).toBe("without its bug");
    expect(await page.locator("canvas").count()).toBeGreaterThan(1);
    await compared.scrollIntoViewIfNeeded();
    await takePicture(page, "playground-9-split");
    expect(await findBarriers(page)).toEqual([]);
    await compared.getByRole("button", { name: "Show one run only" }).click();
    await expect.poll(() => page.locator(".other-run").count()).toBe(0);
    await closeQuietly(page);
  });

  it("must say what is wrong with a link, and begin a run of its own", async () => {
    const page = await open("#run=damaged");
    await expect.poll(() => headline(page).innerText()).toContain("Coordinator 5");
    await expect.poll(() => page.locator(".notice").innerText()).toContain("this link is damaged");
    // A run that is there is kept when another link can't be read.
    await page.getByRole("button", { name: "Pay somebody" }).click();
    await expect.poll(async () => (await look(page)).spec.steps.length).toBe(1);
    await page.evaluate(() => {
      location.hash = "#run=AAAA";
    });
    await expect.poll(() => page.locator(".notice").innerText()).toContain("this link is damaged");
    expect((await look(page)).spec.steps.length).toBe(1);
    await closeQuietly(page);
    const other = pack({ v: 99, seed: 1, nodes: 3, bug: null, until: 10, steps: [] });
    const newer = await open(`#run=${other}`);
    await expect.poll(() => newer.locator(".notice").innerText()).toContain("another version");
    expect((await look(newer)).spec.nodes).toBe(3);
    await closeQuietly(newer);
  });

  it("must open a scenario's file, and say what is wrong with another one, without losing the run", async () => {
    const page = await open();
    await page.getByRole("button", { name: "Pay somebody" }).click();
    await expect.poll(async () => (await look(page)).spec.steps.length).toBe(1);
    const choose = (name: string, text: string | Buffer) =>
      page.getByLabel("Open a scenario").setInputFiles({ name, mimeType: "text/yaml", buffer: Buffer.from(text) });
    for (const [name, text, sentence] of [
      ["disk.yaml", Buffer.from([0xff, 0xfe, 0, 1]), "disk.yaml is no text"],
      ["long.yaml", "#".repeat((1 << 20) + 1), "long.yaml is too large"],
      ["typo.yaml", "steps:\n  - kil leader\n", "typo.yaml:2"],
      ["cable.yaml", "runtimes: [docker]\nsteps: [unplug 3]\n", "needs a kernel or a cable"],
    ] as const) {
      await choose(name, text);
      await expect.poll(() => page.locator(".notice").innerText()).toContain(sentence);
      expect((await look(page)).spec.steps.length).toBe(1);
    }
    // Dropped on the page, a file must not take its place.
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["nodes: 3\nsteps: [kill leader]\n"], "day.yaml"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    });
    await expect.poll(async () => (await look(page)).spec.nodes).toBe(3);
    expect((await look(page)).spec.scenario).toContain("kill leader");
    await closeQuietly(page);
  });

  it("must live in the page where there is no worker, on a phone too", async () => {
    const page = await open("", { viewport: { width: 390, height: 844 } }, "delete globalThis.Worker");
    expect((await look(page)).place).toBe("page");
    await expect.poll(() => headline(page).innerText()).toContain("Coordinator 5");
    await page.getByRole("button", { name: "Kill the leader" }).click();
    await expect.poll(async () => (await look(page)).spec.steps.length).toBe(1);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await takePicture(page, "playground-4-phone");
    await closeQuietly(page);
  });
});
