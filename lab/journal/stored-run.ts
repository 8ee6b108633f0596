/**
 * A run on disk: a folder with `run.json` (what was run) and `journal.jsonl` (one line an event, in causal order). What reports add
 * lies beside them. Everything that looks back (export, check, the page) reads this, so a run can be judged again years later.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../errors.ts";
import { formatEntry, parseEntry } from "./entry.ts";
import { assembleJournal, type Journal, type RunFacts } from "./journal.ts";

const Facts = z.looseObject({
  lab: z.string(),
  run: z.string().nullable(),
  runtime: z.enum(["docker", "local", "sim"]),
  profile: z.string(),
  nodes: z.array(NodeId),
  voters: z.array(NodeId),
  seed: z.number().nullable(),
  isDetailed: z.boolean(),
  hasWire: z.boolean(),
});

export async function writeRun(folder: string, journal: Journal): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "run.json"), `${JSON.stringify(journal.facts, null, 2)}\n`);
  await writeFile(join(folder, "journal.jsonl"), journal.entries.map((entry) => `${formatEntry(entry)}\n`).join(""));
}

/** @throws LabError("usage") when the folder holds no run */
export async function readRun(folder: string): Promise<Journal> {
  const read = async (name: string): Promise<string> => {
    try {
      return await readFile(join(folder, name), "utf8");
    } catch (error) {
      throw new LabError(
        "usage",
        `${folder} holds no run: ${name} can't be read (${(error as Error).message})`,
        "name a folder that --report or `lab report` made",
        { cause: error },
      );
    }
  };
  const [facts, lines] = await Promise.all([read("run.json"), read("journal.jsonl")]);
  return assembleJournal(
    parseFacts(facts, join(folder, "run.json")),
    lines
      .split("\n")
      .map(parseEntry)
      .filter((entry) => entry !== null),
  );
}

function parseFacts(text: string, path: string): RunFacts {
  try {
    return Facts.parse(JSON.parse(text)) as RunFacts;
  } catch (error) {
    throw new LabError("usage", `${path} isn't the description of a run`, "make the run's folder again", {
      cause: error,
    });
  }
}
