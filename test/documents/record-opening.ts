/**
 * The moving picture at the top of README.md: the page itself, replaying a simulated run in Chromium, as a GIF, which plays wherever a
 * picture is all that is allowed. Not the same bytes on every machine (fonts differ), so no test compares it.
 *
 * Idea: the page is shown one instant after the other, slowly where messages travel and fast where nothing happens, and each
 * frame holds only the pixels that differ from the one before.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import type { Journal } from "../../lab/journal/journal.ts";
import { renderReport } from "../../lab/page/render-report.ts";
import { FOLDER, playForPicture } from "./pictures.ts";

/** Colours as [red, green, blue]. */
type Palette = number[][];

/** The part of the package that is used; it has no declarations of its own. */
interface Gifenc {
  GIFEncoder(): {
    /** @param options.dispose 1: the next frame lies on top of this one */
    writeFrame(
      pixels: Uint8Array,
      width: number,
      height: number,
      options: { palette: Palette; delay: number; transparent: boolean; transparentIndex: number; dispose: number },
    ): void;
    finish(): void;
    bytes(): Uint8Array;
  };
  quantize(rgba: Uint8Array, colours: number): Palette;
  applyPalette(rgba: Uint8Array, palette: Palette): Uint8Array;
}

// A CommonJS package: loaders disagree on what its default export is.
const gifenc = createRequire(import.meta.url)("gifenc") as Gifenc;

export const OPENING = `${FOLDER}/opening.gif`;

/** Ring and diagram, without the panel beside them. */
const CLIP = { x: 0, y: 0, width: 928, height: 555 };
const VIEWPORT = { width: 1280, height: 700 };
const FRAME_MS = 120;
/** The last picture stays as long. */
const LAST_MS = 3_000;
/** What the diagram shows at once. */
const WINDOW_MS = 2_500;

/** A stretch of the run, milliseconds since its beginning, and how many frames show it. */
export interface Scene {
  readonly fromMs: number;
  readonly toMs: number;
  readonly frames: number;
}

/** @param template the built page (dist/page.html) */
export async function recordOpening(root: string, browser: Browser, template: string): Promise<Uint8Array> {
  const { journal } = await playForPicture(root, `${FOLDER}/opening.yaml`);
  return await recordPage(browser, renderReport(template, journal, []), planScenes(journal));
}

/** Elections and payments take milliseconds, what leads to them seconds. */
function planScenes(journal: Journal): readonly Scene[] {
  const originMs = Math.min(...journal.entries.map(({ time }) => time));
  const find = (what: string, matches: (entry: Journal["entries"][number]) => boolean): number => {
    const found = journal.entries.find(matches);
    if (found === undefined) throw new Error(`the run of the opening picture has no ${what}`);
    return found.time - originMs;
  };
  const elected = [1, 2, 3].map((term) =>
    find(`coordinator of term ${term}`, (entry) => entry.role === "COORDINATOR" && entry.term === term),
  );
  const paid = [30, 10].map((sum) =>
    find(`payment of ${sum}`, (entry) => entry.kind === "trade" && entry.amount === sum),
  );
  const killed = find("kill", (entry) => entry.action === "kill");
  const [first = 0, second = 0, third = 0] = elected;
  const [thirty = 0, ten = 0] = paid;
  return [
    { fromMs: 0, toMs: first + 10, frames: 10 },
    { fromMs: first + 10, toMs: thirty - 2, frames: 6 },
    { fromMs: thirty - 2, toMs: thirty + 6, frames: 12 },
    { fromMs: thirty + 6, toMs: killed, frames: 6 },
    { fromMs: killed, toMs: second - 5, frames: 12 },
    { fromMs: second - 5, toMs: second + 8, frames: 16 },
    { fromMs: second + 8, toMs: ten - 2, frames: 5 },
    { fromMs: ten - 2, toMs: ten + 6, frames: 10 },
    { fromMs: ten + 6, toMs: third - 3, frames: 12 },
    { fromMs: third - 3, toMs: third + 7, frames: 12 },
    { fromMs: third + 7, toMs: third + 1_000, frames: 6 },
  ];
}

interface Shown {
  readonly energyLab?: { readonly store: { readonly isLoading: boolean } };
}

/** @param report a run inside the page, as one file */
export async function recordPage(browser: Browser, report: string, scenes: readonly Scene[]): Promise<Uint8Array> {
  const page = await browser.newPage({ viewport: VIEWPORT, colorScheme: "light", reducedMotion: "no-preference" });
  const decoder = await browser.newPage();
  try {
    await page.setContent(report, { waitUntil: "load" });
    // A function, because the page's policy lets no text be run as code later on.
    await page.waitForFunction(() => (globalThis as unknown as Shown).energyLab?.store.isLoading === false);
    await page.evaluate(`globalThis.energyLab.store.playback.setSpeed(0.01);
      globalThis.energyLab.store.windowMs = ${WINDOW_MS}`);
    const film = new Film();
    for (const { fromMs, toMs, frames } of scenes)
      for (let frame = 0; frame < frames; frame++) {
        await showInstant(page, fromMs + ((toMs - fromMs) * frame) / frames);
        film.add(await decodePng(decoder, await page.screenshot({ clip: CLIP })));
      }
    return film.finish();
  } finally {
    await Promise.all([page.close(), decoder.close()]);
  }
}

/** Nodes glide to their places: two frames later they are there. */
async function showInstant(page: Page, atMs: number): Promise<void> {
  await page.evaluate(`new Promise((done) => {
    const { store } = globalThis.energyLab;
    store.seek(store.history.beginMs + ${atMs});
    requestAnimationFrame(() => requestAnimationFrame(done));
  })`);
}

/** By the browser, which can do it anyway. */
async function decodePng(page: Page, png: Buffer): Promise<Uint8Array> {
  const base64: string = await page.evaluate(`(async () => {
    const bytes = Uint8Array.from(atob("${png.toString("base64")}"), (char) => char.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes]));
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    const parts = [];
    for (let at = 0; at < data.length; at += 32768) parts.push(String.fromCharCode(...data.subarray(at, at + 32768)));
    return btoa(parts.join(""));
  })()`);
  return new Uint8Array(Buffer.from(base64, "base64"));
}

/** A GIF's colours, one of which means "as before". */
const COLOURS = 255;

class Film {
  readonly #encoder = gifenc.GIFEncoder();
  #shown: Uint32Array | null = null;
  /** Written when it is known how long it stays. */
  #pending: { readonly pixels: Uint8Array; readonly palette: Palette; delayMs: number } | null = null;

  add(rgba: Uint8Array): void {
    const colours = new Uint32Array(rgba.buffer);
    const shown = this.#shown;
    const changed = shown === null ? colours : colours.filter((colour, at) => colour !== shown[at]);
    if (changed.length === 0 && this.#pending !== null) {
      this.#pending.delayMs += FRAME_MS;
      return;
    }
    this.#write();
    const palette = gifenc.quantize(new Uint8Array(changed.buffer), COLOURS);
    const pixels = gifenc.applyPalette(rgba, palette);
    // The last index is free for what stays as it is.
    if (shown !== null) for (const [at, colour] of colours.entries()) if (colour === shown[at]) pixels[at] = COLOURS;
    while (palette.length <= COLOURS) palette.push([0, 0, 0]);
    this.#pending = { pixels, palette, delayMs: FRAME_MS };
    this.#shown = colours;
  }

  finish(): Uint8Array {
    if (this.#pending !== null) this.#pending.delayMs = LAST_MS;
    this.#write();
    this.#encoder.finish();
    return this.#encoder.bytes();
  }

  #write(): void {
    if (this.#pending === null) return;
    const { pixels, palette, delayMs: delay } = this.#pending;
    const options = { palette, delay, transparent: true, transparentIndex: COLOURS, dispose: 1 };
    this.#encoder.writeFrame(pixels, CLIP.width, CLIP.height, options);
  }
}

/** @throws when the page isn't built */
export function readTemplate(root: string): Promise<string> {
  return readFile(join(root, "dist/page.html"), "utf8");
}
