/**
 * A stored run as it was judged (results.json), or, where only the run itself is there (a journal that somebody sent), as today's
 * checkers judge it.
 */
import { realpath } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { LabError } from "../base/lab-error.ts";
import { JOURNAL_BYTES_MAX, readUserFile } from "../base/user-file.ts";
import { findRunFolder, readRun } from "../journal/stored-run.ts";
import { judgeRun, NO_EVIDENCE } from "./judged-run.ts";
import { describeResults, Results } from "./results.ts";

export interface StoredReport {
  /** The run's own folder. */
  readonly path: string;
  readonly results: Results;
  /** Whether the verdict is today's. */
  readonly isJudgedAnew: boolean;
}

/**
 * @param path a run's folder, or a folder of reports: then its latest one
 * @throws LabError("usage") when there is no run
 */
export async function readReport(path: string): Promise<StoredReport> {
  const found = await findRunFolder(path);
  // Where `latest` points to now: the next run makes it another.
  const folder = await realpath(found).catch(() => found);
  const text = await readUserFile(join(folder, "results.json"), JOURNAL_BYTES_MAX, "").catch(() => null);
  if (text === null) return { path: folder, results: await judgeAnew(folder), isJudgedAnew: true };
  const parsed = Results.safeParse(readJson(text));
  if (parsed.success) return { path: folder, results: parsed.data, isJudgedAnew: false };
  throw new LabError(
    "usage",
    `${join(folder, "results.json")} can't be read: it is damaged, or of another version of lab`,
    "remove that file to have the run judged again",
  );
}

async function judgeAnew(folder: string): Promise<Results> {
  const journal = await readRun(folder);
  const run = { journal, evidence: NO_EVIDENCE, startedAtMs: journal.entries[0]?.time ?? 0, tookMs: 0 };
  return describeResults(judgeRun(run, { title: basename(resolve(folder)) }));
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
