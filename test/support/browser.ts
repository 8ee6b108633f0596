/** The Chromium that this machine has, for tests of the page and for pictures of it. None is downloaded. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import type { Availability } from "./docker-available.ts";

const PATHS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** LAB_TEST_CHROMIUM names another one. Null: there is none. */
export function findChromium(): string | null {
  const named = process.env.LAB_TEST_CHROMIUM;
  if (named !== undefined) return existsSync(named) ? named : null;
  return PATHS.find((path) => existsSync(path)) ?? null;
}

/** @throws where there is none */
export function openBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error("there is no Chromium on this machine");
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update"];
  return chromium.launch({ executablePath, args: [...args, "--disable-background-networking", "--disable-sync"] });
}

export function probeBrowser(): Availability {
  if (findChromium() !== null) return { available: true };
  return { available: false, reason: "no Chromium (apt-get install chromium; LAB_TEST_CHROMIUM names one elsewhere)" };
}

const AXE = join(import.meta.dirname, "../../node_modules/axe-core/axe.min.js");

/** What axe finds that keeps people from using the page: "rule: elements". */
export async function findBarriers(page: Page): Promise<readonly string[]> {
  await page.evaluate(readFileSync(AXE, "utf8"));
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: readonly Violation[] }> } };
    interface Violation {
      readonly id: string;
      readonly nodes: readonly { readonly target: readonly string[] }[];
    }
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  });
}

/** The same on each panel. */
export async function findBarriersOnPanels(page: Page): Promise<readonly string[]> {
  const found: string[] = [];
  for (const tab of await page.getByRole("tab").all()) {
    await tab.click();
    const name = await tab.innerText();
    found.push(...(await findBarriers(page)).map((barrier) => `${name}: ${barrier}`));
  }
  return found;
}

/** Pictures are kept for people to look at. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const folder = join(import.meta.dirname, "../../.test-artifacts/browser");
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
