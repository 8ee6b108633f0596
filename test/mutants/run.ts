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
import { execFileSync, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { listSources, PROJECT_ROOT } from "../support/sources.ts";
import { whyEquivalent } from "./equivalent.ts";
import { listMutants, type Mutant } from "./mutate.ts";
import { readTestGraph } from "./tests-of.ts";
import type { Outcome, Task } from "./worker.ts";

const WORKERS = 2;
const SCORE_MIN = 0.9;
/** Tests that a mutant is shown first: most die here. */
const NEAREST = 6;
/** A mutant that takes this much longer than the code as it is has been noticed: it hangs. */
const DEADLINE_FACTOR = 3;
const DEADLINE_EXTRA_MS = 30_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "400" },
    seed: { type: "string", default: "1" },
    changed: { type: "string" },
    unit: { type: "boolean", default: false },
  },
});
const graph = readTestGraph();

interface Verdict {
  readonly mutant: Mutant;
  readonly noticedBy: string | null;
}

const folders = positionals.length > 0 ? positionals : ["node/core", "node/wire", "lab/check", "lab/faults"];
const replay = `npm run mutants -- ${folders.join(" ")} --seed ${values.seed} --count ${values.count}`;
process.stdout.write(`${replay}\n`);
const sample = folders.flatMap((folder) => draw(mutantsOf(folder), Number(values.count), Number(values.seed)));
const queue = [...sample];
const verdicts: Verdict[] = [];
const deadlineMs = (await measureBaseline()) * DEADLINE_FACTOR + DEADLINE_EXTRA_MS;
await Promise.all(Array.from({ length: Math.min(WORKERS, queue.length) }, work));
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

async function work(): Promise<void> {
  let player = await startPlayer();
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const stages = stagesFor(mutant.file);
    const outcome = await player.play({ mutant, stages }, deadlineMs);
    if (outcome === null) player = await startPlayer();
    tell({ mutant, noticedBy: outcome === null ? "it never ends" : outcome.noticedBy });
  }
  player.end();
}

function stagesFor(file: string): string[][] {
  const unit = graph.testsOf(file, "test/unit");
  const stages = [unit.slice(0, NEAREST), unit.slice(NEAREST)];
  return values.unit ? stages : [...stages, [...graph.testsOf(file, "test/sim")]];
}

/**
 * How long all these tests take on the code as it is, in ms. Throws when one fails there, or when a test passes whose own
 * file can't even be loaded: then no mutant proves anything.
 */
async function measureBaseline(): Promise<number> {
  const files = new Set(sample.flatMap(({ file }) => stagesFor(file).flat()));
  const player = await startPlayer();
  const began = performance.now();
  const outcome = await player.play({ mutant: null, stages: [[...files]] }, Number.POSITIVE_INFINITY);
  const tookMs = performance.now() - began;
  const [first] = sample;
  if (first === undefined) throw new Error("there is nothing to change");
  const [file] = [...files];
  if (file === undefined) throw new Error(`no test reaches ${first.file}`);
  const broken = { ...first, file, start: 0, end: 0, replacement: 'throw new Error("mutant");\n' };
  const known = await player.play({ mutant: broken, stages: [[file]] }, Number.POSITIVE_INFINITY);
  const after = await player.play({ mutant: null, stages: [[file]] }, Number.POSITIVE_INFINITY);
  player.end();
  if (after?.noticedBy != null) throw new Error(`${file} still fails when the change is gone`);
  if (known?.noticedBy === null) throw new Error(`${file} passes although it can't be loaded`);
  if (outcome?.noticedBy != null) throw new Error(`fails without any mutant: ${outcome.noticedBy}`);
  return tookMs;
}

interface Player {
  /** Null: not within the deadline, and the process is gone. */
  play(task: Task, deadlineMs: number): Promise<Outcome | null>;
  end(): void;
}

async function startPlayer(): Promise<Player> {
  const child = fork(join(import.meta.dirname, "worker.ts"), {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await new Promise((resolve) => child.once("message", resolve));
  return {
    play: (task, deadlineMs) =>
      new Promise((resolve) => {
        const timer = Number.isFinite(deadlineMs) ? setTimeout(end, deadlineMs, null) : undefined;
        const onExit = (): void => end(null);
        function end(outcome: Outcome | null): void {
          clearTimeout(timer);
          child.off("message", end).off("exit", onExit);
          if (outcome === null) child.kill("SIGKILL");
          resolve(outcome);
        }
        child.once("message", end).once("exit", onExit);
        child.send(task);
      }),
    end: () => child.kill("SIGKILL"),
  };
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
