/**
 * The fields that describe a lab in a file, shared by lab.yaml and scenarios, and what they mean in the lab's own terms.
 */

import * as z from "zod";
import { AMOUNT_MAX, NodeId } from "../../node/wire/ids.ts";
import { PROFILE_NAMES } from "../../node/wire/profile.ts";
import type { Limits, NodeSpec } from "../engine/engine.ts";
import { ProgramFields } from "../kind/program-spec.ts";
import { LIMIT_FIELDS, parseMemory } from "./limits.ts";
import { NODES_MAX } from "./plan-lab.ts";

const Credits = z.int().min(0).max(AMOUNT_MAX);
const Env = z.record(
  z.string().regex(/^[A-Za-z_]\w*$/, "must be the name of a variable"),
  z
    .union([z.string(), z.number(), z.boolean()])
    .transform((value) => (typeof value === "boolean" ? (value ? "1" : "0") : String(value))),
);

const NodeEntry = z.strictObject({ env: Env.optional(), credits: Credits.optional() }).nullable();

export const LAB_FIELDS = {
  nodes: z
    .union([z.int().min(1).max(NODES_MAX), z.record(z.string().regex(/^\d+$/, "must be a node's number"), NodeEntry)])
    .optional()
    .meta({ description: "how many, or each by number: 1: { credits: 500 }, 2: {}" }),
  profile: z.enum(PROFILE_NAMES).optional().meta({ description: "timing" }),
  credits: Credits.optional().meta({ description: "of a new account (default: 100)" }),
  voters: z.array(NodeId).max(NODES_MAX).optional().meta({ description: "whose majority elects" }),
  preempt: z
    .boolean()
    .optional()
    .meta({ description: "whether a higher id takes over when it is ready (default: true)" }),
  ...LIMIT_FIELDS,
  env: Env.optional().meta({ description: "DS_… variables of all nodes" }),
  node: z
    .union([ProgramFields, z.string().min(1)])
    .optional()
    .meta({ description: "a program that isn't ours, which the nodes run; or a lab file that describes one" }),
};

const LabFields = z.object(LAB_FIELDS);
export type LabFields = z.output<typeof LabFields>;

/** Our own peers know variables of theirs only; a program of somebody else may know any. */
export function checkVariables(file: Pick<LabFields, "env" | "node" | "nodes">, context: z.RefinementCtx): void {
  if (file.node !== undefined) return;
  const check = (env: LabFields["env"], path: readonly PropertyKey[]): void => {
    for (const name of Object.keys(env ?? {})) {
      if (/^DS_[A-Z0-9_]+$/.test(name)) continue;
      context.addIssue({ code: "custom", path: [...path, name], message: "must be the name of a DS_… variable" });
    }
  };
  check(file.env, ["env"]);
  if (typeof file.nodes !== "object") return;
  for (const [id, entry] of Object.entries(file.nodes)) check(entry?.env, ["nodes", id, "env"]);
}

/** Credits and preemption are variables too; those that are named win. */
export function toEnv(file: LabFields): Readonly<Record<string, string>> {
  const env: Record<string, string> = { ...file.env };
  if (file.credits !== undefined) env.DS_INITIAL_CREDITS = String(file.credits);
  if (file.preempt !== undefined) env.DS_PREEMPT = file.preempt ? "1" : "0";
  return env;
}

export function toLimits({ memory, pids }: LabFields): Limits {
  return {
    ...(memory !== undefined && { memoryBytes: parseMemory(memory, "memory") }),
    ...(pids !== undefined && { pids }),
  };
}

/** A count, or the nodes ascending; undefined: not said. */
export function toNodes(nodes: LabFields["nodes"]): number | readonly NodeSpec[] | undefined {
  if (typeof nodes !== "object") return nodes;
  return Object.entries(nodes).map(([id, entry]) => {
    const credits = entry?.credits === undefined ? {} : { DS_INITIAL_CREDITS: String(entry.credits) };
    return { id: Number(id), env: { ...entry?.env, ...credits } };
  });
}
