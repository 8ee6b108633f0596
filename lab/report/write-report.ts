/**
 * Puts a run on disk: `DIR/<time>-<title>/` with everything that is needed to understand it on another machine, and `DIR/latest`.
 *
 * A report appears whole or not at all: it is written aside and renamed. No secret is in it (secrets.ts). What
 * fails here (a full disk) is a LabError; the verdict is the caller's and has been said by then.
 *
 *   verdict.txt    for people             results.json   for programs (results.ts)    junit.xml   for CI
 *   run.json, journal.jsonl               the run itself: `lab check`, `lab export`, `lab dash` read it
 *   scenario.yaml  as it ran              config.json    what the nodes were given    engine.json   what they ran on
 *   logs/node-N.log                       report.html    summary.md
 */

import { randomBytes } from "node:crypto";
import { appendFile, mkdir, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { arch, cpus, release, totalmem, type } from "node:os";
import { dirname, join } from "node:path";
import { LabError } from "../base/lab-error.ts";
import { cantWrite } from "../base/system-error.ts";
import type { RunRecord } from "../cluster/run-record.ts";
import { projectRoot } from "../engine/node-bundle.ts";
import { exportMermaid } from "../export/mermaid.ts";
import { parseEntry } from "../journal/entry.ts";
import { formatTime } from "../journal/notable.ts";
import { formatRun, LATEST } from "../journal/stored-run.ts";
import { renderReport } from "../page/render-report.ts";
import { linkOfRun } from "../play/link-of-run.ts";
import type { Lesson } from "../scenario/lesson.ts";
import { parseScenario } from "../scenario/parse-scenario.ts";
import { readLesson } from "../scenario/read-lesson.ts";
import { renderJunit } from "./junit.ts";
import { describeResults } from "./results.ts";
import { listSecrets, maskData, replaceSecrets, withoutSecrets } from "./secrets.ts";
import { renderMarkdown, summarise } from "./summary.ts";

export interface WrittenReport {
  /** Absolute where `folder` was. */
  readonly path: string;
  /** Names of its files, `logs/node-1.log` included. */
  readonly files: readonly string[];
  /** A link to it, for the playground, is in it. */
  readonly isPlayable: boolean;
}

/** Room for a date, a title and what tells two runs of one second apart. */
const TITLE_CHARS_MAX = 60;
const NAMES_MAX = 1_000;

/**
 * Makes a new folder for the run inside `folder` and points `latest` at it. In GitHub Actions (GITHUB_STEP_SUMMARY) the job's
 * summary gets the verdict and a diagram as well.
 * @throws LabError("failed") when it can't be written; nothing half-made is left then
 */
export async function writeReport(
  folder: string,
  record: RunRecord,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<WrittenReport> {
  const { files, isPlayable } = await renderFiles(record);
  const temporary = join(folder, `.report-${process.pid}-${randomBytes(4).toString("hex")}`);
  try {
    await mkdir(folder, { recursive: true });
    // Not recursive: Node then tells a read-only disk from a folder that isn't there.
    await mkdir(temporary);
    for (const [name, text] of files) {
      const path = join(temporary, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
    const path = await moveToFreeName(temporary, join(folder, nameOf(record)));
    await pointLatest(folder, path.slice(folder.length).replace(/^[\\/]/, ""));
    await addStepSummary(environment.GITHUB_STEP_SUMMARY, files.get("summary.md") ?? "");
    return { path, files: [...files.keys()], isPlayable };
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    throw error instanceof LabError
      ? error
      : cantWrite(`the report in ${folder}`, error, "name another folder with --report");
  }
}

async function renderFiles(
  run: RunRecord,
): Promise<{ readonly files: ReadonlyMap<string, string>; readonly isPlayable: boolean }> {
  const secrets = listSecrets(run.evidence.spec, run.evidence.info);
  const record = maskData(run, secrets);
  const link = await linkOf(record);
  const results = describeResults(record, link);
  const files = new Map<string, string>();
  const summary = summarise(results);
  files.set("verdict.txt", `${summary}\n`);
  files.set("results.json", toJson(results));
  files.set("junit.xml", renderJunit(record));
  files.set("summary.md", renderMarkdown(results, drawWindow(record)));
  const page = await readFile(join(projectRoot(), "dist/page.html"), "utf8").catch(() => null);
  // From sources without a build: everything else is there.
  if (page !== null) {
    const { journal, checks, title, verdict, reason, replay, scenario, steps } = record;
    const about = { title, verdict, reason, replay, link, lesson: lessonOf(scenario), steps };
    files.set("report.html", renderReport(page, journal, checks, about, summary));
  }
  for (const [name, text] of Object.entries(formatRun(record.journal))) files.set(name, text);
  if (record.scenario !== null) files.set("scenario.yaml", record.scenario);
  files.set("config.json", toJson(describeConfig(record)));
  files.set("engine.json", toJson({ ...record.evidence.engine, host: describeHost() }));
  for (const [node, lines] of record.evidence.logs) {
    files.set(`logs/node-${node}.log`, lines.map((line) => `${formatLogLine(line)}\n`).join(""));
  }
  const masked = new Map([...files].map(([name, text]) => [name, replaceSecrets(text, secrets)]));
  return { files: masked, isPlayable: link !== null };
}

/** Null: the playground can't play it. */
async function linkOf({ journal: { facts }, scenario, bug, steps }: RunRecord): Promise<string | null> {
  const beginMs = steps[0]?.startedAtMs ?? 0;
  const tookMs = Math.max(0, ...steps.map((step) => step.startedAtMs + step.tookMs - beginMs));
  return await linkOfRun({ facts, scenario, bug: bug ?? null, tookMs }).catch((error: unknown) => {
    if (error instanceof LabError) return null;
    throw error;
  });
}

/** Null: there was no scenario, or none that this version can read. */
function lessonOf(scenario: string | null): Lesson | null {
  try {
    return scenario === null ? null : readLesson("scenario.yaml", parseScenario(scenario, "scenario.yaml"));
  } catch {
    return null;
  }
}

/** The window in which the first promise was broken, or else in which most happened; null: there is nothing to draw. */
function drawWindow({ journal, checks }: RunRecord): string | null {
  if (journal.entries.length === 0) return null;
  const last = checks.flatMap(({ violations }) => violations)[0]?.proof.at(-1);
  return exportMermaid(journal, last === undefined ? {} : { around: last });
}

function describeConfig({ evidence: { spec, info } }: RunRecord): object {
  if (spec === null) return { lab: info?.name ?? null, note: "not made by `lab up`: its settings aren't known" };
  const { token: _token, keys: _keys, env, ...rest } = spec;
  return { ...rest, env: withoutSecrets(env), network: info?.network ?? null };
}

function describeHost(): object {
  const [cpu] = cpus();
  return {
    os: `${type()} ${release()} ${arch()}`,
    node: process.versions.node,
    cpus: cpus().length,
    cpu: cpu?.model ?? null,
    memoryBytes: totalmem(),
  };
}

/** A line of the journal as people read it; anything else (a crash's last words) as it is. */
function formatLogLine(text: string): string {
  const entry = parseEntry(text);
  if (entry === null) return text;
  const level = typeof entry.level === "string" ? entry.level : String(entry.level);
  return `${formatTime(entry.time)} ${level.toUpperCase().padEnd(5)} ${entry.msg}`;
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** `2026-11-23T12-05-33Z-kill-the-leader`: sorts by time, and is a file's name on every system. */
function nameOf({ startedAtMs, title }: RunRecord): string {
  const time = new Date(startedAtMs).toISOString().slice(0, 19).replaceAll(":", "-");
  const slug = title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, TITLE_CHARS_MAX)
    .replaceAll(/^-+|-+$/g, "");
  return slug === "" ? `${time}Z` : `${time}Z-${slug}`;
}

/** @returns the path that it has now: `wanted`, or the first free one of `wanted-2`, `wanted-3`, … */
async function moveToFreeName(temporary: string, wanted: string): Promise<string> {
  for (let number = 1; ; number++) {
    const path = number === 1 ? wanted : `${wanted}-${number}`;
    try {
      await rename(temporary, path);
      return path;
    } catch (error) {
      // What systems say of a folder that is there already.
      const isTaken = ["ENOTEMPTY", "EEXIST", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "");
      if (!isTaken || number >= NAMES_MAX) throw error;
    }
  }
}

/** A link, replaced at once; a file with the name inside on systems that give no links to everybody (Windows). */
async function pointLatest(folder: string, name: string): Promise<void> {
  const latest = join(folder, LATEST);
  const temporary = join(folder, `.latest-${process.pid}-${randomBytes(4).toString("hex")}`);
  try {
    await symlink(name, temporary);
    // Where a folder of that name stands the rename fails, and it is left alone.
    await rename(temporary, latest);
    if ((await readlink(latest)) === name) return;
  } catch {
    await rm(temporary, { force: true }).catch(() => {});
  }
  await writeFile(temporary, `${name}\n`);
  try {
    await rename(temporary, latest);
  } catch {
    // `latest` is something else here, made by somebody else.
    await rm(temporary, { force: true });
  }
}

/** Best effort: the summary is a service, and its file the runner's. */
async function addStepSummary(path: string | undefined, markdown: string): Promise<void> {
  if (path === undefined || path === "") return;
  await appendFile(path, `${markdown}\n`).catch(() => {});
}
