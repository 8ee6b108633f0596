// `npm test`: everything that must hold, in one run with one verdict. Builds, then lint and types, then the test
// projects from the cheapest to the dearest; their output is shown as it comes, their counts come from vitest's JSON.
// The closing lines say what was skipped and why; the last line is `N passed, N failed, N skipped`.
//
//   npm test                       everything that this machine can run
//   npm test -- --all              the extended tests too (LAB_TEST_ALL=1)
//   npm test -- unit               some suites: lint types unit sim browser integration docker netem swarm
//   npm test -- unit/selectors     some files, by a part of their path
//
// LAB_TEST_DOCKER=required, LAB_TEST_NETEM=required, LAB_TEST_SWARM=required and LAB_TEST_BROWSER=required make a failure of what
// is otherwise skipped for want of an engine, of the kernel's netem, of namespaces that are hosts, or of a Chromium. A failure doesn't stop the run: one run tells everything.
import { spawn } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { probeBrowser } from "./support/browser.ts";
import { type Availability, probeDocker, probeNetem, probeRyuk } from "./support/docker-available.ts";
import { probeSwarmHosts } from "./support/swarm-hosts.ts";

const root = join(import.meta.dirname, "..");
const artifacts = join(root, ".test-artifacts");
const vitest = "node_modules/vitest/vitest.mjs";

/** Files of vitest projects that run in one go. */
interface Suite {
  readonly name: string;
  readonly projects: readonly string[];
  readonly files: readonly string[];
  /** What it may take on two cores, in seconds; a run prints it beside what it took. */
  readonly budgetS: number;
  /** How many files at a time, where they leave each other alone: more than there are cores where they mostly wait. */
  readonly workers?: number;
  /** Can it run here? Asked just before it would. */
  readonly prepare?: () => Promise<Availability>;
  /** The environment variable that turns a skip into a failure when it says `required`. */
  readonly requiredBy?: string;
}

/**
 * Files that need the machine or the engine to themselves: they flood a node, measure how fast it is, or look at
 * all containers and labs that there are.
 */
const alone = new Set([
  "test/integration/attack-member.test.ts",
  "test/integration/attack-stranger.test.ts",
  "test/integration/late-joiner.test.ts",
  "test/integration/node-transport.test.ts",
  "test/docker/cluster-killed-cli.test.ts",
  "test/docker/engine-cleanup.test.ts",
  "test/docker/engine-doctor.test.ts",
  "test/docker/library.test.ts",
]);
const isAlone = (file: string): boolean => alone.has(file);
const isShared = (file: string): boolean => !alone.has(file);

const integrationTests = listTests("test/integration");
const dockerTests = listTests("test/docker").filter((file) => !file.startsWith("test/docker/netem/"));
const docker = { projects: ["docker"], prepare: prepareDockerTests, requiredBy: "LAB_TEST_DOCKER" };

const suites: readonly Suite[] = [
  { name: "unit and sim", projects: ["unit", "sim"], files: listTests("test/unit", "test/sim"), budgetS: 150 },
  {
    name: "integration",
    projects: ["integration"],
    files: integrationTests.filter(isShared),
    budgetS: 240,
    workers: 3,
  },
  {
    name: "integration, one at a time",
    projects: ["integration"],
    files: integrationTests.filter(isAlone),
    budgetS: 50,
  },
  {
    name: "browser",
    projects: ["browser"],
    files: listTests("test/browser"),
    budgetS: 80,
    workers: 2,
    prepare: () => Promise.resolve(probeBrowser()),
    requiredBy: "LAB_TEST_BROWSER",
  },
  { name: "docker", ...docker, files: dockerTests.filter(isShared), budgetS: 200, workers: 4 },
  { name: "docker, one at a time", ...docker, files: dockerTests.filter(isAlone), budgetS: 60 },
  {
    name: "netem",
    projects: ["netem"],
    files: listTests("test/docker/netem"),
    budgetS: 60,
    prepare: prepareNetemTests,
    requiredBy: "LAB_TEST_NETEM",
  },
  {
    name: "swarm",
    projects: ["swarm"],
    files: listTests("test/swarm"),
    budgetS: 90,
    prepare: prepareSwarmTests,
    requiredBy: "LAB_TEST_SWARM",
  },
];

/** What this file reads of vitest's JSON report. */
const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })),
    }),
  ),
});

const counts = { passed: 0, failed: 0, skipped: 0 };
const closingLines: string[] = [];
const durations: { readonly name: string; readonly tookS: number; readonly budgetS: number }[] = [];

const selection = parseSelection(process.argv.slice(2));
if (selection.all) process.env.LAB_TEST_ALL = "1";
rmSync(artifacts, { recursive: true, force: true });
mkdirSync(artifacts, { recursive: true });

await timed("build", 15, async () => {
  if ((await run("build.mjs")) !== 0) fail("build");
});
await timed("lint and types", 30, async () => {
  if (selection.has("lint"))
    tally("lint", await run("node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings"));
  if (selection.has("types")) {
    tally("types", await run("node_modules/typescript/bin/tsc", "--noEmit"));
    tally("types of the page", await run("node_modules/typescript/bin/tsc", "--noEmit", "-p", "lab/page"));
  }
});
/** What isn't about one engine's details. */
const onSwarm: Suite = {
  name: "docker's tests on a swarm",
  projects: ["docker"],
  files: ["chaos", "cluster-scenarios", "scenarios"].map((name) => `test/docker/${name}.test.ts`),
  budgetS: 900,
  prepare: () => {
    process.env.LAB_TEST_RUNTIME = "swarm";
    return prepareSwarmTests();
  },
  requiredBy: "LAB_TEST_SWARM",
};
for (const suite of selection.all ? [...suites, onSwarm] : suites) await runSuite(suite);

for (const line of closingLines) console.log(line);
printDurations();
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 || counts.passed + counts.skipped === 0 ? 1 : 0;

/** Runs `work` and remembers what it took. */
async function timed(name: string, budgetS: number, work: () => Promise<void>): Promise<void> {
  const beganMs = performance.now();
  await work();
  durations.push({ name, tookS: (performance.now() - beganMs) / 1_000, budgetS });
}

/** What each part took beside what it may take. Only a hint: a busy machine fails no run. */
function printDurations(): void {
  const width = Math.max(...durations.map(({ name }) => name.length));
  for (const { name, tookS, budgetS } of durations) {
    if (tookS < 1) continue;
    const over = tookS > budgetS && !selection.all ? "  over budget" : "";
    console.log(`${name.padEnd(width)}  ${tookS.toFixed(0).padStart(4)} s of ${String(budgetS).padStart(3)} s${over}`);
  }
}

async function runSuite(suite: Suite): Promise<void> {
  const projects = suite.projects.filter((project) => selection.has(project));
  const files = suite.files.filter(
    (file) => projects.length > 0 || selection.paths.some((path) => file.includes(path)),
  );
  if (files.length === 0) return;
  await timed(suite.name, suite.budgetS, () => runFiles(suite, files, projects));
}

async function runFiles(suite: Suite, files: readonly string[], projects: readonly string[]): Promise<void> {
  const { name } = suite;
  const scope = [...projects.map((project) => `--project=${project}`), ...files];

  let availability: Availability = { available: true };
  try {
    if (suite.prepare !== undefined) availability = await suite.prepare();
  } catch (error) {
    const message = String(error);
    console.error(message);
    fail(`${name}: ${message.split("\n")[0]}`);
    return;
  }
  if (!availability.available) {
    if (suite.requiredBy !== undefined && process.env[suite.requiredBy] === "required") {
      fail(`${name}: ${availability.reason}, and ${suite.requiredBy}=required`);
      return;
    }
    const tests = await countTests(name, scope, files.length);
    counts.skipped += tests;
    closingLines.push(`skipped: ${name} (${tests} tests): ${availability.reason}`);
    return;
  }

  const report = join(artifacts, `${name.replaceAll(/\W+/g, "-")}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  if (suite.workers === undefined) delete process.env.LAB_TEST_WORKERS;
  else process.env.LAB_TEST_WORKERS = `${suite.workers}`;
  countReport(name, report, await run(vitest, "run", ...scope, ...reporters));
}

/** Engine and image for the tests that want them; the image's name reaches the tests as LAB_TEST_IMAGE. */
async function prepareDockerTests(): Promise<Availability> {
  const docker = await probeDocker();
  if (!docker.available) return docker;
  process.env.LAB_TEST_IMAGE = docker.image;
  if (process.env.TESTCONTAINERS_RYUK_DISABLED === undefined) {
    const ryuk = await probeRyuk();
    if (!ryuk.available) {
      console.log(`testcontainers runs without Ryuk: ${ryuk.reason}`);
      process.env.TESTCONTAINERS_RYUK_DISABLED = "true";
    }
  }
  return docker;
}

async function prepareNetemTests(): Promise<Availability> {
  const docker = await probeDocker();
  return docker.available ? probeNetem(docker.image) : docker;
}

/** The image, which the hosts' manager gets from this machine's engine; and whether this machine can pretend to be several. */
async function prepareSwarmTests(): Promise<Availability> {
  const hosts = probeSwarmHosts();
  if (!hosts.available) return hosts;
  const docker = await probeDocker();
  if (docker.available) process.env.LAB_TEST_IMAGE = docker.image;
  return docker;
}

/** Adds a finished project's tests to the counts; what vitest calls an error outside a test counts as a failure. */
function countReport(name: string, path: string, exitCode: number): void {
  const failedBefore = counts.failed;
  const { testResults } = readReport(path);
  for (const file of testResults) {
    for (const { status, fullName } of file.assertionResults) {
      if (status === "passed") counts.passed++;
      else if (status === "failed") fail(`${relativeToRoot(file.name)}: ${fullName}`);
      else {
        counts.skipped++;
        closingLines.push(`skipped: ${relativeToRoot(file.name)}: ${fullName}`);
      }
    }
    if (file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed")) {
      fail(`${relativeToRoot(file.name)} doesn't load or fails outside its tests`);
    }
  }
  if (exitCode !== 0 && counts.failed === failedBefore) fail(`${name}: vitest ended with exit code ${exitCode}`);
}

function readReport(path: string): z.infer<typeof reportSchema> {
  try {
    return reportSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    // No report: vitest's exit code says that it failed.
    return { testResults: [] };
  }
}

/** How many tests a suite that can't run here has; its files, where they can't even be loaded. */
async function countTests(name: string, scope: readonly string[], fileCount: number): Promise<number> {
  const path = join(artifacts, `${name}-list.json`);
  await run(vitest, "list", ...scope, `--json=${path}`);
  try {
    return z.array(z.unknown()).parse(JSON.parse(readFileSync(path, "utf8"))).length;
  } catch {
    return fileCount;
  }
}

function tally(what: string, exitCode: number): void {
  if (exitCode === 0) counts.passed++;
  else fail(what);
}

function fail(what: string): void {
  counts.failed++;
  closingLines.push(`failed: ${what}`);
}

/** Runs a JavaScript program of the project in this Node, its output shown; resolves to its exit code. */
async function run(script: string, ...args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  const exitCode = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("exit", resolve));
  return exitCode ?? 1;
}

function parseSelection(args: readonly string[]) {
  const words = args.filter((arg) => !arg.startsWith("--"));
  const known = new Set(["lint", "types", "unit", "sim", "integration", "browser", "docker", "netem", "swarm"]);
  const names = new Set(words.filter((word) => known.has(word)));
  if (names.has("docker")) names.add("netem");
  return {
    all: args.includes("--all"),
    paths: words.filter((word) => !known.has(word)).map((word) => word.replace(/^\.\//, "")),
    has: (name: string): boolean => words.length === 0 || names.has(name),
  };
}

function listTests(...folders: readonly string[]): string[] {
  return folders.flatMap((folder) => globSync(`${folder}/**/*.test.ts`, { cwd: root })).sort();
}

function relativeToRoot(path: string): string {
  return path.startsWith(root) ? path.slice(root.length + 1) : path;
}
