// `npm run fuzz`: coverage-guided fuzzing of the codec and the core. What reaches new code is kept and mutated further; the first input
// that breaks a promise is shrunk, saved, and ends the run.
//
//   npm run fuzz                          both targets, two minutes each
//   npm run fuzz -- core 600              one of them, for so many seconds
//   npm run fuzz -- core 600 7            from another seed (default 1); the same seed draws the same mutations
//   npm run fuzz -- core keep             after a run: a small set of inputs with the same coverage, for test/fuzz/corpus
//
// What a run learned stays in node_modules/.cache/fuzz. What is worth keeping for everybody is in test/fuzz/corpus, few and small:
// test/unit/fuzz.test.ts replays all of it.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { createRandom } from "../../node/core/kernel/random.ts";
import { Coverage } from "./coverage.ts";
import { mutate, shrink } from "./mutate.ts";

const TARGETS = ["codec", "core"] as const;
type Target = (typeof TARGETS)[number];
const SECONDS = 120;
const BYTES_MAX: Readonly<Record<Target, number>> = { codec: 1_158, core: 3_000 };
const KEPT_MAX = 24;

const cache = join(import.meta.dirname, "../../node_modules/.cache/fuzz");

/** One file, so that coverage is about one script. */
async function load(target: Target): Promise<{ url: string; run: (bytes: Uint8Array) => void }> {
  const outfile = join(cache, `${target}-${process.pid}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, `${target}-target.ts`)],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
    logLevel: "error",
  });
  const { href: url } = pathToFileURL(outfile);
  const name = target === "core" ? "fuzzCore" : "fuzzCodec";
  const run = ((await import(url)) as Record<string, (bytes: Uint8Array) => void>)[name];
  rmSync(outfile);
  if (run === undefined) throw new Error(`${target}-target.ts has no ${name}`);
  return { url, run };
}

function folderOf(kind: "corpus" | "learned" | "found", target: Target): string {
  const folder = kind === "corpus" ? join(import.meta.dirname, "corpus", target) : join(cache, kind, target);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function readFolder(folder: string): Uint8Array[] {
  return readdirSync(folder).map((file) => Uint8Array.from(readFileSync(join(folder, file))));
}

function save(folder: string, bytes: Uint8Array): string {
  const file = join(folder, createHash("sha256").update(bytes).digest("hex").slice(0, 12));
  writeFileSync(file, bytes);
  return file;
}

/** Null: it kept all promises. */
function failureOf(run: (bytes: Uint8Array) => void, bytes: Uint8Array): Error | null {
  try {
    run(bytes);
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** True when nothing was found. */
async function fuzz(target: Target, seconds: number, seed: number): Promise<boolean> {
  const { url, run } = await load(target);
  const coverage = new Coverage(url);
  const random = createRandom(seed);
  const learned = folderOf("learned", target);
  const pool = [...readFolder(folderOf("corpus", target)), ...readFolder(learned)];
  const known = pool.length;
  const untilMs = performance.now() + 1000 * seconds;
  let played = 0;
  for (let at = 0; performance.now() < untilMs; at++) {
    const bytes = (at < known ? pool[at] : undefined) ?? mutate(random, pool, BYTES_MAX[target]);
    const failure = failureOf(run, bytes);
    played += 1;
    if (failure !== null) {
      const shortest = shrink(
        bytes,
        (part) => failureOf(run, part)?.message.slice(0, 24) === failure.message.slice(0, 24),
      );
      const file = save(folderOf("found", target), shortest);
      process.stderr.write(
        `${target}: after ${played} inputs: ${failure.stack}\n  keep it as a test: cp ${file} test/fuzz/corpus/${target}/\n`,
      );
      return false;
    }
    if (coverage.takeNew() === 0 || at < known) continue;
    pool.push(bytes);
    save(learned, bytes);
  }
  process.stdout.write(
    `${target}: ${played} inputs in ${seconds} s, ${pool.length} kept, ${coverage.size} features, nothing broke\n`,
  );
  return true;
}

/** The inputs that add something, shortest first, into the corpus. */
async function keep(target: Target): Promise<void> {
  const { url, run } = await load(target);
  const coverage = new Coverage(url);
  const corpus = folderOf("corpus", target);
  const all = [...readFolder(corpus), ...readFolder(folderOf("learned", target))].sort((a, b) => a.length - b.length);
  const useful = all
    .map((bytes) => ({ bytes, fresh: failureOf(run, bytes) === null ? coverage.takeNew() : 0 }))
    .sort((a, b) => b.fresh - a.fresh)
    .slice(0, KEPT_MAX);
  for (const { bytes } of useful) save(corpus, bytes);
  process.stdout.write(`${target}: ${useful.length} of ${all.length} inputs in ${corpus}\n`);
}

const [only, second = String(SECONDS), seed = "1"] = process.argv.slice(2);
const wanted = TARGETS.filter((target) => only === undefined || target === only);
if (wanted.length === 0 || (second !== "keep" && !(Number(second) > 0))) {
  process.stderr.write(`usage: npm run fuzz [-- ${TARGETS.join("|")} [SECONDS [SEED] | keep]]\n`);
  process.exit(2);
}
mkdirSync(cache, { recursive: true });
let isClean = true;
for (const target of wanted) {
  if (second === "keep") await keep(target);
  else isClean = (await fuzz(target, Number(second), Number(seed))) && isClean;
}
process.exit(isClean ? 0 : 1);
