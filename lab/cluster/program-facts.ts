/** Facts of nodes that run a program which isn't ours, as their output tells them. */
import type { NodeId } from "../../node/wire/ids.ts";
import type { LogLine } from "../engine/engine.ts";
import type { Entry } from "../journal/entry.ts";
import { readLabEntries } from "../journal/lab-journal.ts";
import { type Facts, foldFacts, isHolder, ProgramLines } from "../kind/program-lines.ts";
import type { LabHandle } from "./lab-handle.ts";

/** A look reads no more of each node's output: who floods it is judged by the end. */
const LINES_MAX = 5_000;

export async function openLines(lab: LabHandle): Promise<ProgramLines> {
  return new ProgramLines(
    lab.info.program ?? { files: {}, build: null, folder: "" },
    lab.info.run,
    await readLabEntries(lab.state),
  );
}

/** What each node's present process wrote. */
export async function readOutput(lab: LabHandle, ids: readonly NodeId[] = lab.ids): Promise<readonly LogLine[]> {
  return (await readLives(lab, ids)).output;
}

async function readLives(lab: LabHandle, ids: readonly NodeId[]) {
  const lines = await openLines(lab);
  const nowMs = lab.clock.wallMs();
  const lifeOf = (id: NodeId): number => lines.lifeAt(id, nowMs);
  const signal = AbortSignal.timeout(10_000);
  const entries: Entry[] = [];
  const output: LogLine[] = [];
  for await (const line of lab.engine.logs(lab.name, ids, { follow: false, tail: LINES_MAX, sinceMs: null, signal })) {
    const entry = lines.read({ ...line, atMs: line.atMs ?? nowMs });
    if (entry.inc !== lifeOf(entry.node)) continue;
    entries.push(entry);
    output.push(line);
  }
  return { entries, output, lifeOf };
}

/** Of the nodes that run: each fact's last value. */
export async function readFacts(lab: LabHandle): Promise<ReadonlyMap<NodeId, Facts>> {
  const ids = lab.running;
  if (ids.length === 0) return new Map();
  const { entries, lifeOf } = await readLives(lab, ids);
  return foldFacts(entries, lifeOf);
}

/** The one node that says of itself that it holds this; null: none does, or several do. */
export function findHolder(facts: ReadonlyMap<NodeId, Facts>, fact: string): NodeId | null {
  const holders = [...facts].filter(([id, own]) => isHolder(id, own[fact])).map(([id]) => id);
  return holders.length === 1 ? (holders[0] ?? null) : null;
}
