/**
 * A run on disk: a folder with `run.json` (what was run) and `journal.jsonl` (one line an event, in causal order). What reports add
 * lies beside them. Everything that looks back (export, check, the page) reads this, so a run can be judged again years later.
 */
import { access, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { JOURNAL_BYTES_MAX, readUserFile } from "../base/user-file.ts";
import { formatEntry, parseEntry } from "./entry.ts";
import { assembleJournal, type Gap, type Journal, type RunFacts } from "./journal.ts";

const Facts = z.looseObject({
  lab: z.string(),
  run: z.string().nullable(),
  runtime: z.enum(["docker", "swarm", "local", "sim"]),
  profile: z.string(),
  nodes: z.array(NodeId),
  voters: z.array(NodeId),
  seed: z.number().nullable(),
  isDetailed: z.boolean(),
  hasWire: z.boolean(),
  isForeign: z.boolean().optional(),
  unseen: z.string().optional(),
  /** How many the journal had when it was written; absent: an older version wrote it. */
  lines: z.int().optional(),
});

export async function writeRun(folder: string, journal: Journal): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(formatRun(journal))) await writeFile(join(folder, name), text);
}

/** The two files of a run, by name. */
export function formatRun(journal: Journal): Readonly<Record<"run.json" | "journal.jsonl", string>> {
  return {
    "run.json": `${JSON.stringify({ ...journal.facts, lines: journal.entries.length }, null, 2)}\n`,
    "journal.jsonl": journal.entries.map((entry) => `${formatEntry(entry)}\n`).join(""),
  };
}

/** A name of a folder. */
const NAME_BYTES_MAX = 4_096;

/** Name of the link (or of the file with a name inside) that a folder of reports has to its newest one. */
export const LATEST = "latest";

/**
 * The folder of the run that is meant: `path` itself, what its `latest` points to, or what such a file names.
 * @returns `path` as it was given where there is no run either way
 */
export async function findRunFolder(path: string): Promise<string> {
  for (const folder of [path, join(path, LATEST)]) {
    if (await holdsRun(folder)) return folder;
    // A file instead of a link.
    const name = (await readUserFile(folder, NAME_BYTES_MAX, "").catch(() => "")).trim();
    if (name !== "" && (await holdsRun(join(dirname(folder), name)))) return join(dirname(folder), name);
  }
  return path;
}

function holdsRun(folder: string): Promise<boolean> {
  return access(join(folder, "run.json")).then(
    () => true,
    () => false,
  );
}

/**
 * @param path a run's folder, or a folder of reports: then its latest one
 * @throws LabError("usage") when there is no run
 */
export async function readRun(path: string): Promise<Journal> {
  const folder = await findRunFolder(path);
  const read = async (name: string): Promise<string> => {
    const hint = "name a folder that --report or the command `report` made";
    return await readUserFile(join(folder, name), JOURNAL_BYTES_MAX, hint).catch((error: LabError) => {
      throw new LabError("usage", `${folder} holds no run: ${error.message}`, hint, { cause: error });
    });
  };
  const [facts, lines] = await Promise.all([read("run.json"), read("journal.jsonl")]);
  const entries = lines
    .split("\n")
    .map(parseEntry)
    .filter((entry) => entry !== null);
  const { lines: written = entries.length, ...known } = parseFacts(facts, join(folder, "run.json"));
  const journal = assembleJournal(known, entries);
  if (entries.length >= written) return journal;
  // Which ones they were nobody can say.
  const lost: Gap = { node: 0, inc: 0, from: entries.length + 1, to: written, cause: "lost" };
  return { ...journal, gaps: [...journal.gaps, lost] };
}

/** The facts about the run in exactly this folder. @throws LabError("usage") */
export async function readFacts(folder: string): Promise<RunFacts> {
  const path = join(folder, "run.json");
  return parseFacts(await readUserFile(path, JOURNAL_BYTES_MAX, "").catch(() => ""), path);
}

function parseFacts(text: string, path: string): RunFacts & { readonly lines?: number | undefined } {
  try {
    return Facts.parse(JSON.parse(text)) as ReturnType<typeof parseFacts>;
  } catch (error) {
    throw new LabError("usage", `${path} isn't the description of a run`, "make the run's folder again", {
      cause: error,
    });
  }
}
