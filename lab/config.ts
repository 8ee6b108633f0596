/**
 * lab.yaml: what a lab looks like, in a file. Read with positions, so that every complaint names line and column.
 *
 *   name: shop            profile: fast        runtime: auto
 *   nodes: 5              # or a map: 1: { credits: 500 }, 2: {}, 3: { env: { DS_LOG_LEVEL: DEBUG } }
 *   credits: 100          voters: [1, 2, 3]    preempt: true
 *   env: { DS_HEARTBEAT_INTERVAL: 1 }
 *
 * Anchors and merge keys (`<<: *base`) work; top-level keys that begin with `x-` are free for anchors.
 */
import { readFile } from "node:fs/promises";
import { isMap, isScalar, LineCounter, type Node, type ParsedNode, parseDocument } from "yaml";
import * as z from "zod";
import { AMOUNT_MAX, NodeId } from "../node/wire/ids.ts";
import type { NodeSpec } from "./engine/engine.ts";
import { LabError } from "./errors.ts";
import { NODES_MAX } from "./plan.ts";
import { suggest } from "./suggest.ts";

const Credits = z.int().min(0).max(AMOUNT_MAX);
const Env = z.record(
  z.string().regex(/^DS_[A-Z0-9_]+$/, "must be the name of a DS_… variable"),
  z
    .union([z.string(), z.number(), z.boolean()])
    .transform((value) => (typeof value === "boolean" ? (value ? "1" : "0") : String(value))),
);

const NodeEntry = z.strictObject({ env: Env.optional(), credits: Credits.optional() }).nullable();

const LabFile = z.strictObject({
  name: z.string().optional(),
  nodes: z
    .union([z.int().min(1).max(NODES_MAX), z.record(z.string().regex(/^\d+$/, "must be a node's number"), NodeEntry)])
    .optional(),
  profile: z.enum(["default", "fast"]).optional(),
  runtime: z.enum(["docker", "local", "auto"]).optional(),
  credits: Credits.optional(),
  voters: z.array(NodeId).max(NODES_MAX).optional(),
  preempt: z.boolean().optional(),
  env: Env.optional(),
});

/** A file's content in the lab's own terms; what isn't said is absent. */
export interface LabConfig {
  readonly name?: string;
  readonly nodes?: number | readonly NodeSpec[];
  readonly profile?: "default" | "fast";
  readonly runtime?: "docker" | "local" | "auto";
  readonly voters?: readonly NodeId[];
  readonly env: Readonly<Record<string, string>>;
}

/** Throws LabError("usage") that names file, line and column. */
export async function loadLabConfig(path: string): Promise<LabConfig> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new LabError(
      "usage",
      `${path} can't be read: ${(error as Error).message}`,
      "name an existing file: lab up -f lab.yaml",
      { cause: error },
    );
  }
  return parseLabConfig(text, path);
}

/** @param path only for messages */
export function parseLabConfig(text: string, path: string): LabConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true });
  const problem = document.errors[0];
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    const what = problem.message.split(" at line ")[0] ?? problem.message;
    throw new LabError("usage", `${path}:${line}:${col}: ${what}`, "it must be valid YAML");
  }
  const json = withoutExtensions(document.toJS() ?? {});
  const parsed = LabFile.safeParse(json);
  if (parsed.success) return toConfig(parsed.data);
  const { path: where, message, hint } = explain(parsed.error.issues[0], json);
  const { line, col } = lines.linePos(findOffset(document.contents, where));
  throw new LabError("usage", `${path}:${line}:${col}: ${message}`, hint);
}

function toConfig(file: z.infer<typeof LabFile>): LabConfig {
  const env: Record<string, string> = { ...file.env };
  if (file.credits !== undefined) env.DS_INITIAL_CREDITS = String(file.credits);
  if (file.preempt !== undefined) env.DS_PREEMPT = file.preempt ? "1" : "0";
  const nodes =
    typeof file.nodes === "object"
      ? Object.entries(file.nodes).map(([id, entry]) => toNode(Number(id), entry))
      : file.nodes;
  return {
    env,
    ...(file.name !== undefined && { name: file.name }),
    ...(nodes !== undefined && { nodes }),
    ...(file.profile !== undefined && { profile: file.profile }),
    ...(file.runtime !== undefined && { runtime: file.runtime }),
    ...(file.voters !== undefined && { voters: file.voters }),
  };
}

function toNode(id: number, entry: z.infer<typeof NodeEntry>): NodeSpec {
  const credits = entry?.credits === undefined ? {} : { DS_INITIAL_CREDITS: String(entry.credits) };
  return { id, env: { ...entry?.env, ...credits } };
}

function withoutExtensions(json: unknown): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return json;
  return Object.fromEntries(Object.entries(json).filter(([key]) => !key.startsWith("x-")));
}

type Issue = z.core.$ZodIssue;

/** Zod's first issue as a sentence, and where in the file it is. */
function explain(
  issue: Issue | undefined,
  json: unknown,
): { path: readonly PropertyKey[]; message: string; hint: string } {
  if (issue === undefined) return { path: [], message: "invalid", hint: "see compose/lab.yaml" };
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0] ?? "";
    const known = issue.path.length === 0 ? Object.keys(LabFile.shape) : ["env", "credits"];
    const near = suggest(key, known);
    const hint = near === undefined ? `known are: ${known.join(", ")}` : `did you mean "${near}"?`;
    return { path: [...issue.path, key], message: `unknown field "${key}"`, hint };
  }
  if (issue.code === "invalid_union") {
    // The branch that fits the value's own type says more than "invalid input".
    const value = read(json, issue.path);
    const branches = issue.errors.map((issues) => issues[0]).filter((nested) => nested !== undefined);
    const nested = branches.find(
      (branch) => branch.path.length > 0 || (typeof value === "number" && branch.code !== "invalid_type"),
    );
    if (nested !== undefined) return explain({ ...nested, path: [...issue.path, ...nested.path] } as Issue, json);
  }
  if (issue.code === "invalid_value") {
    const value = read(json, issue.path);
    const known = issue.values.map(String);
    const near = suggest(String(value), known);
    return {
      path: issue.path,
      message: `${issue.path.join(".")} can't be ${JSON.stringify(value)}`,
      hint: near === undefined ? `allowed are: ${known.join(", ")}` : `did you mean "${near}"?`,
    };
  }
  const name = issue.path.length === 0 ? "the file" : issue.path.join(".");
  return { path: issue.path, message: `${name}: ${issue.message}`, hint: "see compose/lab.yaml for what is allowed" };
}

function read(json: unknown, path: readonly PropertyKey[]): unknown {
  let value = json;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return value;
}

/** Offset of the deepest part of the path that the file has: the key itself for a field, its value's start otherwise. */
function findOffset(contents: ParsedNode | null, path: readonly PropertyKey[]): number {
  let offset = contents?.range?.[0] ?? 0;
  let node: unknown = contents;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else {
      const item = (node as { items?: readonly Node[] } | null)?.items?.[Number(key)];
      if (item === undefined) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    }
  }
  return offset;
}
