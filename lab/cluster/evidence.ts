/**
 * Collects what only the living lab can tell, in one pass over its logs: journal, logs, what it was made of, how it stood at the end.
 * To be called before the lab is taken down; what can't be had any more is left out, since a report of a broken run matters most.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { LogLine } from "../engine/engine.ts";
import type { Journal } from "../journal/journal.ts";
import { collectJournal } from "./collect.ts";
import type { LabHandle } from "./lab-handle.ts";
import { reportNodes } from "./node-rows.ts";
import type { Evidence } from "./run-record.ts";

export interface EvidenceOptions {
  /** Of the simulated world or of the random choices. */
  readonly seed?: number | null;
  readonly signal?: AbortSignal;
}

/** @throws LabError when the engine can't be asked for the nodes' lines: then there is nothing to report */
export async function collectEvidence(
  lab: LabHandle,
  options: EvidenceOptions = {},
): Promise<{ readonly journal: Journal; readonly evidence: Evidence }> {
  const logs = new Map<NodeId, string[]>();
  const onLine = ({ node, text }: LogLine) => {
    const lines = logs.get(node);
    if (lines === undefined) logs.set(node, [text]);
    else lines.push(text);
  };
  // Nodes first: their answers are about the end of what the journal holds.
  const nodes = await orElse(reportNodes(lab), []);
  const journal = await collectJournal(lab, { ...options, onLine });
  const [spec, engine] = await Promise.all([
    orElse(lab.engine.readSpec(lab.name), null),
    orElse(lab.engine.check(options.signal), { detail: lab.engine.name, facts: {} }),
  ]);
  return { journal, evidence: { spec, info: lab.info, engine, nodes, logs } };
}

async function orElse<T>(asked: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await asked;
  } catch {
    return otherwise;
  }
}
