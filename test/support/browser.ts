/** A real browser for tests of the page, and where their pictures go. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { findChromium } from "../../lab/pictures/browser.ts";
import type { Availability } from "./docker-available.ts";

export function probeBrowser(): Availability {
  if (findChromium() !== null) return { available: true };
  return { available: false, reason: "no Chromium (apt-get install chromium; LAB_TEST_CHROMIUM names one elsewhere)" };
}

/** Pictures are kept for people to look at. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const folder = join(import.meta.dirname, "../../.test-artifacts/browser");
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
