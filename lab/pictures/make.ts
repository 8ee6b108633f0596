/** `npm run pictures`: makes the pictures of the documents anew, and says which of them have changed. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeExperiments } from "./experiments.ts";
import { type Made, makeOpening } from "./pictures.ts";

const root = join(import.meta.dirname, "../..");

async function keep({ path, text }: Made): Promise<void> {
  const file = join(root, path);
  const before = await readFile(file, "utf8").catch(() => "");
  if (before !== text) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  process.stdout.write(`${before === text ? "as before" : before === "" ? "new      " : "changed  "}  ${path}\n`);
}

await keep(await makeOpening(root));
for (const made of await makeExperiments(root)) await keep(made);
