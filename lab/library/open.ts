/**
 * Brings up the lab behind a `Lab` of the library: its options in the words of `lab up`, a name of its own, and for virtual time a world
 * of its own. What belongs to this process is marked so: `lab gc` finds it when the process was killed.
 */
import { randomBytes } from "node:crypto";
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { checkLabName } from "../base/state-dir.ts";
import { LabHandle } from "../cluster/lab-handle.ts";
import type { RuntimeChoice } from "../cluster/open-engine.ts";
import type { LabRequest } from "../cluster/plan-lab.ts";
import { takeDown } from "../cluster/take-down.ts";
import { bringUp } from "../cluster/up.ts";
import type { Engine, NodeSpec, Progress } from "../engine/engine.ts";
import { describeAsEnv } from "../journal/detail.ts";
import type { Program } from "../kind/program-spec.ts";
import type { LabOptions, Runtime } from "./public-types.ts";

const AGREE_MS = 60_000;
const NODES = 3;
const RUNTIMES: readonly Runtime[] = ["auto", "docker", "swarm", "local", "sim"];

export interface OpenedLab {
  readonly inner: LabHandle;
  readonly seed: number | null;
  /** Takes it down, and closes everything that was opened for it. Safe to repeat. */
  readonly down: () => Promise<void>;
}

export async function openLab(options: LabOptions): Promise<OpenedLab> {
  const runtime = options.runtime ?? readRuntime(process.env.LAB_RUNTIME);
  const program = options.node === undefined ? null : await readNode(options.node);
  const request = { ...planRequest(options), program };
  const seed = runtime === "sim" ? (options.seed ?? 1) : null;
  // A world of its own, beside the session's and others'. Loaded when it is needed: the simulator is half of the lab's code.
  const engine = seed === null ? null : new (await import("../engine/sim/sim-engine.ts")).SimEngine(seed);
  const inner = await up(request, runtime, engine, options);
  return { inner, seed, down: once(() => close(inner)) };
}

async function up(
  request: LabRequest,
  runtime: RuntimeChoice,
  engine: Engine | null,
  options: LabOptions,
): Promise<LabHandle> {
  const say = options.onProgress ?? (() => {});
  const progress: Progress = ({ step, state, detail, node }) => {
    const who = node === undefined ? "" : ` node ${node}`;
    say(`${step}${who}: ${state}${detail === undefined ? "" : `, ${detail}`}`);
  };
  try {
    const { lab } = await bringUp(request, {
      runtime,
      wait: true,
      mustBeNew: true,
      timeoutMs: options.withinMs ?? AGREE_MS,
      progress,
      signal: options.signal ?? new AbortController().signal,
      onNotice: say,
      isOwned: true,
      ...(engine === null ? {} : { engine }),
    });
    // With the signal of `up` a report's own questions would end too: what was given here ends the waiting only.
    return new LabHandle(lab.engine, lab.info, { progress });
  } catch (error) {
    // `up` leaves nodes that don't agree to be looked at; here nobody knows their name.
    const isTimeout = error instanceof LabError && error.exit === "timeout";
    if (isTimeout && engine === null) await takeDown(request.name, runtime, progress);
    throw error;
  }
}

async function close(inner: LabHandle): Promise<void> {
  const { name, engine, progress } = inner;
  try {
    if (engine.name === "sim") await engine.destroyLab(name, progress);
    else await takeDown(name, engine.name, progress);
  } finally {
    await inner[Symbol.asyncDispose]();
  }
}

function planRequest(options: LabOptions): LabRequest {
  const credits = options.credits === undefined ? {} : { DS_INITIAL_CREDITS: String(options.credits) };
  return {
    name: checkLabName(options.name ?? `t-${process.pid.toString(36)}-${randomBytes(4).toString("hex")}`),
    profile: options.profile ?? "fast",
    nodes: listNodes(options.nodes ?? NODES),
    env: { ...describeAsEnv(options.journal ?? "wire"), ...credits, ...options.env },
    voters: options.voters ?? null,
    limits: {
      ...(options.memoryBytes !== undefined && { memoryBytes: options.memoryBytes }),
      ...(options.pids !== undefined && { pids: options.pids }),
    },
  };
}

/** By the same rules as in a lab file. @throws LabError("usage") */
async function readNode(node: NonNullable<LabOptions["node"]>): Promise<Program> {
  const [{ ProgramFields }, { readProgram }] = await Promise.all([
    import("../kind/program-spec.ts"),
    import("../kind/read-program.ts"),
  ]);
  const parsed = ProgramFields.safeParse(node);
  if (parsed.success) return await readProgram(parsed.data, ".");
  const [issue] = parsed.error.issues;
  throw new LabError("usage", `node: ${issue?.path.join(".")}: ${issue?.message}`, "write it as in a lab file");
}

function listNodes(nodes: NonNullable<LabOptions["nodes"]>): number | readonly NodeSpec[] {
  if (typeof nodes === "number") return nodes;
  return Object.entries(nodes).map(([id, { credits, env }]) => ({
    id: Number(id) satisfies NodeId,
    env: { ...(credits === undefined ? {} : { DS_INITIAL_CREDITS: String(credits) }), ...env },
  }));
}

function readRuntime(text: string | undefined): RuntimeChoice {
  if (text === undefined || text === "") return "auto";
  const runtime = RUNTIMES.find((candidate) => candidate === text);
  if (runtime !== undefined) return runtime;
  throw new LabError("usage", `LAB_RUNTIME is "${text}"`, `use ${RUNTIMES.join(", ")}`);
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => {
    done ??= action();
    return done;
  };
}
