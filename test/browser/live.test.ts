/**
 * The page on a lab that lives: three real nodes, `lab dash`, and somebody who kills the leader from the page. What must be seen is asked
 * of what a person or a screen reader gets; pictures are kept for people to look at.
 */
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listScenarios } from "../../lab/dash/catalogue.ts";
import type { Lesson } from "../../lab/scenario/lesson.ts";
import type { Prediction } from "../../lab/scenario/scenario-schema.ts";
import { findBarriersOnPanels, openBrowser, takePicture } from "../support/browser.ts";
import { type LabHome, openLabHome, type RunningCli } from "../support/cli.ts";
import { until } from "../support/eventually.ts";

let home: LabHome;
let browser: Browser;
let dash: RunningCli;
let url: string;
const complaints: string[] = [];

beforeAll(async () => {
  [home, browser] = await Promise.all([openLabHome(), openBrowser()]);
  await home.lab("up", "--nodes", "3", "--profile", "fast", "--journal", "wire");
  dash = home.start(["dash"]);
  url = await new Promise<string>((resolve, reject) => {
    dash.child.stdout.once("data", (text: string) => resolve(text.trim()));
    dash.done.then(({ stderr }) => reject(new Error(stderr)), reject);
  });
}, 90_000);

afterAll(async () => {
  await browser?.close();
  dash?.child.kill("SIGINT");
  await dash?.done;
  await home?.lab("down");
  expect(await home?.leftovers()).toEqual([]);
  await home?.[Symbol.asyncDispose]();
}, 60_000);

async function open(address: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("request", (request) => {
    const isOwn = request.url().startsWith(new URL(url).origin);
    if (!isOwn && !/^(data|blob):/.test(request.url())) complaints.push(`it asked for ${request.url()}`);
  });
  await page.goto(address);
  return page;
}

function textOf(page: Page, selector: string): Promise<string> {
  return page.locator(selector).first().innerText();
}

/** How many pixels of a canvas are other than its first one. */
function inkOf(page: Page, selector: string): Promise<number> {
  return page
    .locator(selector)
    .first()
    .evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
      let ink = 0;
      for (let at = 0; at < data.length; at += 4) if (data[at] !== data[0] || data[at + 3] !== data[3]) ink += 1;
      return ink;
    });
}

describe("the page on a lab that lives", { timeout: 90_000 }, () => {
  test("must show a killed leader's successor, the diagram and the light", async () => {
    const page = await open(url);
    await until("LIVE and its coordinator", async () => {
      const header = await textOf(page, "header");
      return header.includes("LIVE") && header.includes("Coordinator 3") && header.includes("credits conserved");
    });
    expect(await textOf(page, "header")).toContain("300 issued");
    await until("messages in the diagram", async () => (await inkOf(page, ".space-time canvas")) > 500);
    // An address bar is seen by everybody in the room.
    expect(page.url()).not.toContain("token");
    await takePicture(page, "live-1-before");

    await page.getByRole("tab", { name: "Break it" }).click();
    await page.getByRole("button", { name: "Kill", exact: true }).click();
    const outcome = page.locator(".outcome");
    await until("what was done", async () => (await outcome.innerText()).includes("bring back: lab start 3"), 20_000);
    expect(await outcome.innerText()).toContain("lab kill leader");
    await takePicture(page, "live-2-killed");

    await until("the next coordinator", async () => (await textOf(page, "header")).includes("Coordinator 2"), 20_000);
    const ring = page.locator('[aria-label="Ring of nodes"]');
    await until("the crown on node 2 and a dead node 3", async () => {
      const nodes = await ring
        .getByRole("button")
        .evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")));
      const words = nodes.filter((label) => label !== null).map((label) => label.toLowerCase());
      const two = words.find((label) => label.startsWith("node 2"));
      const three = words.find((label) => label.startsWith("node 3"));
      return /coordinator|leads/.test(two ?? "") && /killed|exited|down|dead|ended/.test(three ?? "");
    });
    expect(await textOf(page, "header")).toContain("credits conserved");
    await takePicture(page, "live-3-successor");

    // The page shows the truth.
    const nodes = await home.json<{ id: number; role: string | null; status: string }[]>("ps");
    expect(nodes.map(({ id, role, status }) => [id, role, status])).toEqual([
      [1, "FOLLOWER", "running"],
      [2, "COORDINATOR", "running"],
      [3, null, "exited"],
    ]);

    await page.getByLabel("Which node").selectOption("3");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await until(
      "the old one leads again",
      async () => (await textOf(page, "header")).includes("Coordinator 3"),
      30_000,
    );
    await takePicture(page, "live-4-back");
    await page.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  test("must impair the line between two nodes that is clicked, and undo it beside the answer", async () => {
    const page = await open(url);
    await until("the lab", async () => (await textOf(page, "header")).includes("Coordinator"), 30_000);
    const box = async (id: number) => await page.getByRole("button", { name: `Node ${id},` }).boundingBox();
    await until("nodes that stand still", async () => {
      const before = await box(1);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
      const now = await box(1);
      return before !== null && before.width > 30 && before.x === now?.x;
    });
    const [a, b] = [await box(1), await box(2)];
    if (a === null || b === null) throw new Error("no nodes");
    await page.mouse.click((a.x + b.x + a.width) / 2, (a.y + b.y + a.height) / 2);
    await until("its form", async () => (await page.locator("#line-form select").first().inputValue()) === "1");
    expect(await page.locator("#line-form select").last().inputValue()).toBe("2");
    await takePicture(page, "live-link");
    await page.getByRole("button", { name: "Apply" }).click();
    const outcome = page.locator(".outcome");
    await until("what was done", async () => (await outcome.innerText()).includes("Heal it"), 20_000);
    expect(await outcome.innerText()).toContain("lab netem 1 --delay 100ms --loss 10% --to 2 --both");
    expect(await outcome.boundingBox().then((seen) => seen !== null && seen.y + seen.height <= 720)).toBe(true);
    await page.getByRole("button", { name: "Heal it" }).click();
    await until(
      "a clean network",
      async () => (await page.getByRole("tabpanel").innerText()).includes("is clean"),
      20_000,
    );
    expect(await findBarriersOnPanels(page)).toEqual([]);
    await page.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  test("must go on after it was loaded again", async () => {
    const page = await open(url);
    await until("the lab", async () => (await textOf(page, "header")).includes("LIVE"));
    await page.reload();
    await until("the lab again", async () => (await textOf(page, "header")).includes("Coordinator"));
    await page.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  test("must play an experiment of the course: predict, run step by step, compare", async () => {
    const page = await open(url);
    await until("a whole cluster", async () => (await textOf(page, "header")).includes("Coordinator 3"), 30_000);
    await page.getByRole("tab", { name: "Course" }).click();
    // As the file has it: its words are its author's.
    const scenarios = await listScenarios(join(import.meta.dirname, "../../compose/scenarios"), "local");
    const lesson = scenarios.find(({ file }) => file === "02-leader-failure.yaml") as Lesson;
    await page.getByRole("button", { name: lesson.title }).click();
    const panel = page.getByRole("tabpanel");
    const { ask, choices = [], because = "" } = lesson.predict as Prediction;
    await until("the question", async () => (await panel.innerText()).includes(ask));
    // No answer, and nothing to run, before the prediction.
    expect(await panel.innerText()).not.toContain(because);
    expect(await page.getByRole("button", { name: "Run it step by step" }).count()).toBe(0);
    await page.getByLabel(choices[3] ?? "").check();
    await page.getByRole("button", { name: "That is my prediction" }).click();
    await takePicture(page, "live-5-predicted");
    await page.getByRole("button", { name: "Run it step by step" }).click();
    // In a lab of its own: the one that is shown may have been used for anything.
    await until("a fresh lab", async () => (await textOf(page, "header h1")).includes("lab-lesson"), 30_000);
    await until("its coordinator", async () => (await textOf(page, "header")).includes("elected"), 30_000);
    const next = page.getByRole("button", { name: "Next step" });
    const current = () => panel.locator('[aria-current="step"]').innerText();
    for (const { say } of lesson.steps) {
      await until(say, async () => (await next.isEnabled()) && (await current()).includes(say), 30_000);
      // The next step would tell what this one comes to.
      expect(await panel.locator(".steps li").last().innerText()).toContain(say);
      await next.click();
    }
    await until("the comparison", async () => (await panel.innerText()).includes("It came out otherwise"), 40_000);
    for (const text of [because, lesson.explain, lesson.more]) expect(await panel.innerText()).toContain(text);
    await takePicture(page, "live-6-compared");
    await page.getByRole("button", { name: "← All experiments" }).click();
    await until("the lab again", async () => !(await textOf(page, "header h1")).includes("lesson"), 30_000);
    expect(await textOf(page, "header .badge")).toContain("LIVE");
    await until("no lab of the lesson", async () => (await home.json<{ name: string }[]>("ls")).length === 1, 30_000);
    await page.reload();
    await page.getByRole("tab", { name: "Course" }).click();
    await until("the result, still there", async () => (await panel.innerText()).includes("1 of 16 done"));
    await page.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  test("must be refused without the token, and with another one, and show nothing of the lab", async () => {
    const { origin } = new URL(url);
    const without = await open(`${origin}/`);
    await until("a word about it", async () => (await textOf(without, "body")).includes("no token"));
    expect(await textOf(without, "header")).not.toContain("Coordinator 3");
    await takePicture(without, "live-6-no-token");
    await without.close();

    const wrong = await open(`${origin}/#token=of-yesterday`);
    await until("the server's refusal", async () => (await textOf(wrong, "body")).includes("refuses"));
    await takePicture(wrong, "live-7-wrong-token");
    await wrong.close();
    // The browser itself says of a refused request that it failed.
    expect(complaints.splice(0).filter((text) => !text.includes("401"))).toEqual([]);
  });

  test("must not be driven by another site's page, which has all that a page can have", async () => {
    const page = await browser.newPage();
    const { origin, hash } = new URL(url);
    const token = new URLSearchParams(hash.slice(1)).get("token");
    // Another origin on this very machine.
    await page.route("http://127.0.0.1:1/**", (route) =>
      route.fulfill({ contentType: "text/html", body: "<p>evil</p>" }),
    );
    await page.goto("http://127.0.0.1:1/");
    const outcomes = await page.evaluate(
      async ([target, secret]) => {
        const attempt = async (init: RequestInit): Promise<string> => {
          try {
            const response = await fetch(`${target}/api/command`, init);
            return `${response.type} ${response.status}`;
          } catch {
            return "blocked";
          }
        };
        const body = '{"verb":"kill","nodes":"all"}';
        const form = document.createElement("form");
        const frame = document.createElement("iframe");
        frame.name = "frame";
        form.target = "frame";
        form.method = "post";
        form.enctype = "text/plain";
        form.action = `${target}/api/command`;
        form.innerHTML = `<input name='{"verb":"kill","nodes":"all","x":"' value='"}'>`;
        document.body.append(frame, form);
        form.submit();
        await new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
        return [
          await attempt({ method: "POST", body }),
          await attempt({ method: "POST", body, mode: "no-cors" }),
          await attempt({ method: "POST", body, headers: { "content-type": "application/json" } }),
          // Even had the token leaked.
          await attempt({
            method: "POST",
            body,
            headers: { "content-type": "application/json", authorization: `Bearer ${secret}` },
          }),
        ];
      },
      [origin, token] as const,
    );
    // An opaque answer can't be read, and was a refusal.
    expect(outcomes.every((outcome) => outcome === "blocked" || outcome.startsWith("opaque"))).toBe(true);
    await page.close();
    const nodes = await home.json<{ status: string }[]>("ps");
    expect(nodes.map(({ status }) => status)).toEqual(["running", "running", "running"]);
  });
});
