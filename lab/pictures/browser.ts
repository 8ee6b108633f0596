/** The Chromium that this machine has, for pictures of the page and for tests of it. None is downloaded. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

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
