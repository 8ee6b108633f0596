/**
 * `npm run mutants -- node/core [lab/check …]`: does a test notice when the code is changed a little? Plays a seeded sample of mutants
 * against the unit and simulator tests, and lists those that nobody noticed.
 *
 *   --count N      mutants a folder (400)
 *   --seed N       which ones (1)
 *   --changed REF  only in files that differ from this commit
 *   --unit         only the unit tests
 *
 * Exit code 1 when under 90 % are noticed, without those that test/mutants/equivalent.ts explains.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { listSources, PROJECT_ROOT } from "../support/sources.ts";
import { type Covered, hasRun } from "./coverage.ts";
import { whyEquivalent } from "./equivalent.ts";
import { listMutants, type Mutant } from "./mutate.ts";
import { Player } from "./player.ts";
import { readTestGraph } from "./tests-of.ts";

const WORKERS = 2;
const SCORE_MIN = 0.9;
/** A file of tests that takes this much longer than with the code as it is has noticed the mutant: it hangs. */
const DEADLINE_FACTOR = 10;
const DEADLINE_EXTRA_MS = 10_000;
const BASELINE_MAX_MS = 300_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "400" },
    seed: { type: "string", default: "1" },
    changed: { type: "string" },
    unit: { type: "boolean", default: false },
  },
});
const SUITES = values.unit ? ["test/unit"] : ["test/unit", "test/sim"];
const CACHE = join(PROJECT_ROOT, "node_modules/.cache/mutants");
mkdirSync(CACHE, { recursive: true });
const graph = readTestGraph();

interface Baseline {
  readonly test: string;
  readonly tookMs: number;
  readonly covered: Covered;
}

interface Verdict {
  readonly mutant: Mutant;
  readonly noticedBy: string | null;
}

const folders = positionals.length > 0 ? positionals : ["node/core", "node/wire", "lab/check", "lab/faults"];
const replay = `npm run mutants -- ${folders.join(" ")} --seed ${values.seed} --count ${values.count}`;
process.stdout.write(`${replay}\n`);
const sample = folders.flatMap((folder) => draw(mutantsOf(folder), Number(values.count), Number(values.seed)));
const verdicts: Verdict[] = [];
const baseline = await measureBaseline();
const queue = [...sample];
await inParallel(async (player) => {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift())
    tell({ mutant, noticedBy: await judge(mutant, player) });
});
process.exitCode = report() ? 0 : 1;

function mutantsOf(folder: string): Mutant[] {
  const changed = values.changed === undefined ? null : new Set(filesChangedSince(values.changed));
  const all = listSources(folder.split("/")[0] ?? folder).filter(
    (file) => file === folder || file.startsWith(`${folder}/`),
  );
  const files = all.filter((file) => changed?.has(file) ?? true);
  return files.flatMap((file) => listMutants(file, readFileSync(join(PROJECT_ROOT, file), "utf8")));
}

function filesChangedSince(ref: string): string[] {
  return execFileSync("git", ["diff", "--name-only", ref], { cwd: PROJECT_ROOT, encoding: "utf8" }).split("\n");
}

/** `count` of them, each as likely as any other: the first of a shuffle (Fisher and Yates) with xorshift32. */
function draw(mutants: Mutant[], count: number, seed: number): Mutant[] {
  let x = Math.imul(seed, 2654435761) | 1;
  for (let i = mutants.length - 1; i > 0; i--) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    const j = (x >>> 0) % (i + 1);
    [mutants[i], mutants[j]] = [mutants[j] as Mutant, mutants[i] as Mutant];
  }
  return mutants.slice(0, count);
}

async function inParallel(work: (player: Player) => Promise<void>): Promise<void> {
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      const player = new Player();
      await work(player);
      player.end();
    }),
  );
}

async function judge(mutant: Mutant, player: Player): Promise<string | null> {
  const stale = graph.reaching(mutant.file);
  for (const suite of SUITES) {
    const tests = graph
      .testsOf(mutant.file, suite)
      .flatMap((test) => baseline.get(test) ?? [])
      .filter(({ covered }) => hasRun(covered[mutant.file], mutant.from))
      .sort((a, b) => a.tookMs - b.tookMs);
    for (const { test, tookMs } of tests) {
      const outcome = await player.play({ mutant, test, stale }, tookMs * DEADLINE_FACTOR + DEADLINE_EXTRA_MS);
      if (outcome === null) return `${test}: it never ends`;
      if (outcome.noticedBy !== null) return `${test}: ${outcome.noticedBy}`;
    }
  }
  return null;
}

/**
 * How long each file of tests takes on the code as it is, and which code it runs: kept until something changes that it imports.
 * What fails there, or can't be loaded here (JSX), can prove nothing and is left out by name.
 */
async function measureBaseline(): Promise<Map<string, Baseline>> {
  const files = [...new Set(sample.map(({ file }) => file))];
  const tests = new Set(SUITES.flatMap((suite) => files.flatMap((file) => graph.testsOf(file, suite))));
  const found = new Map<string, Baseline>();
  const todo = [...tests];
  await inParallel(async (player) => {
    for (let test = todo.shift(); test !== undefined; test = todo.shift()) {
      const path = join(CACHE, `${graph.digestOf(test)}.json`);
      const known = existsSync(path)
        ? (JSON.parse(readFileSync(path, "utf8")) as Baseline)
        : await measure(test, player);
      if (known === null) continue;
      writeFileSync(path, JSON.stringify(known));
      found.set(test, known);
    }
  });
  if (found.size === 0) throw new Error("no test reaches this code");
  return found;
}

async function measure(test: string, player: Player): Promise<Baseline | null> {
  const began = performance.now();
  const outcome = await player.play({ mutant: null, test, stale: [] }, BASELINE_MAX_MS);
  const covered = outcome?.covered ?? null;
  if (outcome?.noticedBy === null && covered !== null) return { test, tookMs: performance.now() - began, covered };
  process.stdout.write(`left out: ${test} fails without any mutant: ${outcome?.noticedBy ?? "it never ends"}\n`);
  return null;
}

function tell(verdict: Verdict): void {
  verdicts.push(verdict);
  const { mutant, noticedBy } = verdict;
  const reason = noticedBy === null ? whyEquivalent(mutant) : null;
  const what = noticedBy === null ? (reason === null ? "SURVIVED" : "equivalent") : "noticed";
  process.stdout.write(
    `${verdicts.length}/${sample.length} ${what} ${describe(mutant)}  ${noticedBy ?? reason ?? ""}\n`,
  );
}

function describe({ file, line, original, replacement }: Mutant): string {
  const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").slice(0, 80);
  return `${file}:${line} ${oneLine(original)} -> ${oneLine(replacement) || "nothing"}`;
}

/** True when enough were noticed everywhere. */
function report(): boolean {
  const judged = verdicts.filter(({ mutant, noticedBy }) => noticedBy !== null || whyEquivalent(mutant) === null);
  const survivors = judged.filter(({ noticedBy }) => noticedBy === null).map(({ mutant }) => describe(mutant));
  process.stdout.write(
    `\n${survivors.length === 0 ? "nothing survived" : `survived:\n${survivors.sort().join("\n")}`}\n\n`,
  );
  let isEnough = true;
  for (const folder of folders) {
    const here = judged.filter(({ mutant }) => mutant.file.startsWith(folder));
    const noticed = here.filter(({ noticedBy }) => noticedBy !== null).length;
    if (noticed < here.length * SCORE_MIN) isEnough = false;
    process.stdout.write(
      `${folder}: ${noticed} of ${here.length} noticed, ${((100 * noticed) / Math.max(1, here.length)).toFixed(1)} %\n`,
    );
  }
  process.stdout.write(`again: ${replay}\n`);
  return isEnough;
}
