/** `npm run pictures`: renews the pictures of the documents, and says which of them have changed. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findChromium, openBrowser } from "../support/browser.ts";
import { PROJECT_ROOT as root } from "../support/sources.ts";
import { ARCHITECTURE, drawArchitecture } from "./architecture.ts";
import { makeExperiments } from "./experiments.ts";
import { OPENING, readTemplate, recordOpening } from "./record-opening.ts";

async function keep(path: string, content: string | Uint8Array): Promise<void> {
  const file = join(root, path);
  const before = await readFile(file).catch(() => null);
  const isSame = before?.equals(Buffer.from(content)) === true;
  if (!isSame) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  process.stdout.write(`${isSame ? "as before" : before === null ? "new      " : "changed  "}  ${path}\n`);
}

await keep(ARCHITECTURE, drawArchitecture());
for (const { path, text } of await makeExperiments(root)) await keep(path, text);
if (findChromium() === null)
  process.stdout.write(`left alone  ${OPENING} (no Chromium; LAB_TEST_CHROMIUM names one)\n`);
else {
  const browser = await openBrowser();
  await keep(OPENING, await recordOpening(root, browser, await readTemplate(root)));
  await browser.close();
}
