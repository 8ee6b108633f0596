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
import * as z from "zod";
import type { NodeId } from "../../node/wire/ids.ts";
import type { ProfileName } from "../../node/wire/profile.ts";
import { BY_HAND_BYTES_MAX, readUserFile } from "../base/user-file.ts";
import { parseYaml } from "../base/yaml-file.ts";
import type { Limits, NodeSpec, SwarmWishes } from "../engine/engine.ts";
import type { ProgramFields } from "../kind/program-spec.ts";
import { checkVariables, LAB_FIELDS, toEnv, toLimits, toNodes } from "./lab-fields.ts";
import { type Latency, LatencyMatrix, toLatencies } from "./latency.ts";

const LabFile = z
  .strictObject({
    name: z.string().optional(),
    runtime: z.enum(["docker", "swarm", "local", "auto"]).optional(),
    swarm: z
      .strictObject({
        hosts: z.array(z.string()).optional(),
        multicast: z.enum(["helper", "unicast"]).optional(),
        encrypted: z.boolean().optional(),
      })
      .optional(),
    latency: LatencyMatrix.optional(),
    ...LAB_FIELDS,
  })
  .superRefine(checkVariables);

/** A file's content in the lab's own terms; what isn't said is absent. */
export interface LabConfig {
  readonly name?: string;
  readonly nodes?: number | readonly NodeSpec[];
  readonly profile?: ProfileName;
  readonly runtime?: "docker" | "swarm" | "local" | "auto";
  readonly voters?: readonly NodeId[];
  readonly env: Readonly<Record<string, string>>;
  readonly limits: Limits;
  readonly node?: ProgramFields | string;
  readonly swarm?: Partial<SwarmWishes>;
  readonly latencies?: readonly Latency[];
}

/** Throws LabError("usage") that names file, line and column. */
export async function loadLabConfig(path: string): Promise<LabConfig> {
  const text = await readUserFile(path, BY_HAND_BYTES_MAX, "name an existing file");
  return parseLabConfig(text, path);
}

/** @param path only for messages */
export function parseLabConfig(text: string, path: string): LabConfig {
  const { value: file } = parseYaml(text, {
    path,
    schema: LabFile,
    help: "see compose/lab.yaml for what is allowed",
  });
  const nodes = toNodes(file.nodes);
  return {
    env: toEnv(file),
    limits: toLimits(file),
    ...(file.name !== undefined && { name: file.name }),
    ...(nodes !== undefined && { nodes }),
    ...(file.profile !== undefined && { profile: file.profile }),
    ...(file.runtime !== undefined && { runtime: file.runtime }),
    ...(file.voters !== undefined && { voters: file.voters }),
    ...(file.node !== undefined && { node: file.node }),
    ...(file.latency !== undefined && { latencies: toLatencies(file.latency) }),
    ...(file.swarm !== undefined && { swarm: dropUnsaid(file.swarm) }),
  };
}

function dropUnsaid(fields: { [K in keyof SwarmWishes]?: SwarmWishes[K] | undefined }): Partial<SwarmWishes> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
