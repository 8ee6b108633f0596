/**
 * How many credits each account of a lab was opened with: what its file and its settings say, as `up` wrote it down.
 */
import * as z from "zod";
import type { NodeId } from "../../node/wire/ids.ts";
import type { NodeSpec } from "../engine/engine.ts";
import type { LabHandle } from "./lab-handle.ts";
import { MADE_FILE } from "./made-record.ts";

const VARIABLE = "DS_INITIAL_CREDITS";
const CREDITS_DEFAULT = 100;

/** Part of lab.json. Nodes without an entry have the lab's own number. */
export interface MintedRecord {
  readonly credits: Readonly<Record<string, number>>;
}

const Record = z.object({ credits: z.record(z.string(), z.number()) });

/** Only those who began with another number than the rest. */
export function describeMinted(nodes: readonly NodeSpec[]): MintedRecord {
  const own = nodes.filter(({ env }) => env[VARIABLE] !== undefined);
  return { credits: Object.fromEntries(own.map(({ id, env }) => [id, Number(env[VARIABLE])])) };
}

/** By account. */
export async function mintedCredits(lab: LabHandle): Promise<(id: NodeId) => number> {
  const record: MintedRecord | null = await lab.state.readJson(MADE_FILE, Record.parse);
  const usual = Number(lab.info.env[VARIABLE] ?? CREDITS_DEFAULT);
  return (id) => record?.credits[id] ?? usual;
}
