/**
 * Grades submissions: each is built and run through each scenario, alone, with limits and without other networks. A submission is a folder
 * with a Dockerfile; everything else comes from the scenario. It never sees the engine.
 */
import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { formatDuration } from "../base/duration.ts";
import { LabError } from "../base/lab-error.ts";
import { loadProgram } from "../cluster/load-program.ts";
import type { Progress } from "../engine/engine.ts";
import { exportSvg } from "../export/svg.ts";
import { type Program, parseProgramMemory } from "../kind/program-spec.ts";
import { readProgram } from "../kind/read-program.ts";
import type { ScenarioResult } from "../scenario/result.ts";
import { runScenario } from "../scenario/run-scenario.ts";
import type { Scenario } from "../scenario/scenario-schema.ts";
import { escapeXml } from "./junit.ts";

export interface GradeTest {
  readonly file: string;
  readonly scenario: Scenario;
}

export interface GradeOptions {
  /** Of one run, building not included. */
  readonly limitMs: number;
  /** Of each node, at most. */
  readonly memory: string;
  readonly processes: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** One scenario with one submission. */
export interface GradedTest {
  readonly name: string;
  readonly points: number;
  readonly of: number;
  /** Why it isn't all of them; empty: it is. */
  readonly why: string;
  readonly tookMs: number;
  /** The run that went wrong; null: none did, or it couldn't begin. */
  readonly failed: ScenarioResult | null;
}

export interface Grade {
  readonly submission: string;
  readonly folder: string;
  readonly tests: readonly GradedTest[];
}

/** A folder with a Dockerfile is a submission; any other is one of submissions. @throws LabError("usage") when there is none */
export async function findSubmissions(folders: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(folders.map((folder) => findIn(resolve(folder))));
  return found.flat();
}

async function findIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => {
    throw new LabError(
      "usage",
      `${folder} is no folder that can be read`,
      "name a submission, or a folder of submissions",
    );
  });
  if (entries.some(({ name }) => name === "Dockerfile")) return [folder];
  const below = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
  if (below.length > 0) return below.sort().map((name) => join(folder, name));
  throw new LabError("usage", `${folder} has no Dockerfile, and no folders of submissions`, "name a submission");
}

/** What goes wrong with a submission is its grade. @throws LabError("interrupted") */
export async function gradeSubmission(
  folder: string,
  tests: readonly GradeTest[],
  options: GradeOptions,
): Promise<Grade> {
  const graded: GradedTest[] = [];
  for (const test of tests) graded.push(await gradeTest(folder, test, options));
  return { submission: basename(folder), folder, tests: graded };
}

async function gradeTest(folder: string, { file, scenario }: GradeTest, options: GradeOptions): Promise<GradedTest> {
  const { points: of = 1, repeats = 1, name } = scenario;
  const beganMs = performance.now();
  const graded = (why: string, failed: ScenarioResult | null): GradedTest => {
    return { name, of, points: why === "" ? of : 0, why, tookMs: performance.now() - beganMs, failed };
  };
  try {
    const program = await limitedProgram(scenario, file, folder, options);
    for (let run = 1; run <= repeats; run++) {
      const limit = AbortSignal.timeout(options.limitMs);
      const signal = AbortSignal.any([options.signal, limit]);
      const lab = `grade-${process.pid.toString(36)}`;
      const result = await runScenario(scenario, {
        runtime: "docker",
        file,
        program,
        name: lab,
        progress: options.progress,
        signal,
      });
      if (options.signal.aborted) throw new LabError("interrupted", "interrupted", "run it again");
      if (result.verdict === "valid") continue;
      const times = repeats === 1 ? "" : ` (run ${run} of ${repeats})`;
      const why = limit.aborted ? `it took more than ${formatDuration(options.limitMs)}` : result.reason;
      return graded(`${why || result.verdict}${times}`, result);
    }
    return graded("", null);
  } catch (error) {
    if (!(error instanceof LabError) || options.signal.aborted || error.exit === "engineUnreachable") throw error;
    return graded(
      error.exit === "interrupted" ? `it took more than ${formatDuration(options.limitMs)}` : error.message,
      null,
    );
  }
}

async function limitedProgram(
  scenario: Scenario,
  file: string,
  folder: string,
  options: GradeOptions,
): Promise<Program> {
  if (scenario.node === undefined) {
    throw new LabError("usage", `${file} describes no program (node:)`, "add node:, or name a lab file there");
  }
  const wanted = await loadProgram(scenario.node, file, true);
  const { image, build } = await readProgram({ build: folder }, ".");
  const [memory] = [wanted.memory ?? options.memory, options.memory].toSorted(
    (a, b) => parseProgramMemory(a) - parseProgramMemory(b),
  );
  const processes = Math.min(wanted.processes ?? options.processes, options.processes);
  const network = { ...wanted.network, outside: false };
  return { ...wanted, ...(image !== undefined && { image }), build, memory, processes, network };
}

/** One page: points, reasons, and a picture of each run that went wrong. */
export function renderGrade({ submission, tests }: Grade): string {
  const [points, of] = [sum(tests.map((test) => test.points)), sum(tests.map((test) => test.of))];
  const rows = tests.map(
    ({ name, points: own, of: most, why, tookMs }) =>
      `<tr class="${why === "" ? "ok" : "no"}"><td>${escapeXml(name)}<td>${own} of ${most}<td>${formatDuration(tookMs)}<td>${escapeHtml(why)}`,
  );
  const pictures = tests.flatMap(({ name, failed, why }) => {
    if (failed === null) return [];
    const steps = failed.steps.map(
      ({ path, text, state, seen }) => `<li>${escapeXml(`${path} ${text}: ${state} ${seen}`)}`,
    );
    return [
      `<h2>${escapeXml(name)}</h2><p>${escapeHtml(why)}<ol>${steps.join("")}</ol>${exportSvg(failed.journal, {})}`,
    ];
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeXml(submission)}: ${points} of ${of}</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}td,th{padding:.2rem .8rem;text-align:left;vertical-align:top}.ok td:nth-child(2){color:#197a3e}.no td:nth-child(2){color:#b3261e}svg{max-width:100%;height:auto}ol{list-style:none;padding:0}</style>
<h1>${escapeXml(submission)}: ${points} of ${of} points</h1><table><tr><th>Test<th>Points<th>Time<th>Why${rows.join("")}</table>${pictures.join("")}</html>
`;
}

function escapeHtml(text: string): string {
  return escapeXml(text).replaceAll("&#10;", "<br>");
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
