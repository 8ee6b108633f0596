/**
 * Stored runs as feeds: the same page shows them by the same code. And the list of those in a folder.
 */
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { LabError } from "../base/lab-error.ts";
import { runChecks } from "../check/checkers.ts";
import type { Journal } from "../journal/journal.ts";
import { findRunFolder, readFacts, readRun } from "../journal/stored-run.ts";
import { Feed } from "./feed.ts";
import type { RunInfo } from "./protocol.ts";

const RUNS_MAX = 100;

/** @throws LabError("usage") when the folder holds no run */
export async function openRunFeed(folder: string): Promise<Feed> {
  const journal = await readRun(folder);
  return feedOf(journal, basename(await realpath(await findRunFolder(folder))));
}

function feedOf(journal: Journal, name: string): Feed {
  const { facts, entries, gaps } = journal;
  const endMs = entries.reduce((last, entry) => Math.max(last, entry.time), 0);
  const feed = new Feed({ mode: "replay", facts, gaps, nowMs: () => endMs, entriesMax: entries.length + 1 });
  feed.append(entries);
  // Judged again: an old run by the checkers of today.
  feed.say({ type: "verdicts", checks: runChecks(journal) });
  feed.say({ type: "end", why: "replayed", text: `all of ${name}` });
  return feed;
}

/** The newest first. */
export async function listRuns(folder: string): Promise<readonly RunInfo[]> {
  const names = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const infos = await Promise.all(
    names.filter((entry) => entry.isDirectory()).map((entry) => describeRun(folder, entry.name)),
  );
  return infos
    .filter((info) => info !== null)
    .sort((a, b) => b.writtenAtMs - a.writtenAtMs)
    .slice(0, RUNS_MAX);
}

/** The folder of a run that the list names; whatever else is asked for isn't there. @throws LabError("notFound") */
export async function findRun(folder: string, name: string): Promise<string> {
  const runs = await listRuns(folder);
  if (runs.some((run) => run.name === name)) return join(folder, name);
  throw new LabError("notFound", `there is no stored run "${name}" in ${folder}`, "see the list of runs");
}

async function describeRun(folder: string, name: string): Promise<RunInfo | null> {
  try {
    const path = join(folder, name);
    const [{ mtimeMs }, facts] = await Promise.all([stat(join(path, "journal.jsonl")), readFacts(path)]);
    return { name, lab: facts.lab, runtime: facts.runtime, nodes: facts.nodes.length, writtenAtMs: mtimeMs };
  } catch {
    return null;
  }
}
