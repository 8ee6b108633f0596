/**
 * Brings up the lab behind a `Lab` of the library: its options in the words of `lab up`, a name of its own, and for virtual time a world
 * of its own. What belongs to this process is marked so: `lab gc` finds it when the process was killed.
 */
import { randomBytes } from "node:crypto";
import type { NodeId } from "../../node/wire/ids.ts";
import { takeDown } from "../change.ts";
import type { NodeSpec, Progress, RuntimeName } from "../engine/engine.ts";
import type { RuntimeChoice } from "../engine/open-engine.ts";
import { openSimWorld, type SimSession } from "../engine/sim-session.ts";
import { LabError } from "../errors.ts";
import { Lab as InnerLab } from "../lab.ts";
import type { LabRequest } from "../plan.ts";
import { checkLabName } from "../state-dir.ts";
import { bringUp } from "../up.ts";
import type { JournalDetail, LabOptions, Runtime } from "./types.ts";

const AGREE_MS = 60_000;
const NODES = 3;
const RUNTIMES: readonly Runtime[] = ["auto", "docker", "local", "sim"];

export interface OpenedLab {
  readonly inner: InnerLab;
  readonly seed: number | null;
  /** Takes it down, and closes everything that was opened for it. Safe to repeat. */
  readonly down: () => Promise<void>;
}

export async function openLab(options: LabOptions): Promise<OpenedLab> {
  const runtime = options.runtime ?? readRuntime(process.env.LAB_RUNTIME);
  const request = planRequest(options);
  const seed = runtime === "sim" ? (options.seed ?? 1) : null;
  const world = seed === null ? null : await openSimWorld(seed);
  try {
    const inner = await up(request, runtime, world, options);
    return { inner, seed, down: once(() => close(inner, world)) };
  } catch (error) {
    await world?.[Symbol.asyncDispose]();
    throw error;
  }
}

async function up(
  request: LabRequest,
  runtime: RuntimeChoice,
  world: SimSession | null,
  options: LabOptions,
): Promise<InnerLab> {
  const say = options.onProgress ?? (() => {});
  const progress: Progress = ({ step, state, detail, node }) => {
    const who = node === undefined ? "" : ` node ${node}`;
    say(`${step}${who}: ${state}${detail === undefined ? "" : `, ${detail}`}`);
  };
  try {
    const { lab, created } = await bringUp(request, {
      runtime,
      wait: true,
      timeoutMs: options.withinMs ?? AGREE_MS,
      progress,
      signal: options.signal ?? new AbortController().signal,
      onNotice: say,
      isOwned: true,
      ...(world === null ? {} : { engine: world.engine }),
    });
    // Its own signal would end the questions of a report too: what was given here ends the waiting only.
    if (created) return new InnerLab(lab.engine, lab.info, { progress });
    await lab[Symbol.asyncDispose]();
    throw new LabError(
      "failed",
      `lab "${request.name}" exists already`,
      "use it with Lab.open, or choose another name",
    );
  } catch (error) {
    // `up` leaves nodes that don't agree to be looked at; here nobody knows their name.
    const isTimeout = error instanceof LabError && error.exit === "timeout";
    if (isTimeout && world === null) await takeDown(request.name, runtime, progress);
    throw error;
  }
}

async function close(inner: InnerLab, world: SimSession | null): Promise<void> {
  const { name, engine } = inner;
  try {
    if (world === null) await takeDown(name, engine.name satisfies RuntimeName, inner.progress);
    else await engine.destroyLab(name, inner.progress);
  } finally {
    await inner[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  }
}

function planRequest(options: LabOptions): LabRequest {
  const credits = options.credits === undefined ? {} : { DS_INITIAL_CREDITS: String(options.credits) };
  return {
    name: checkLabName(options.name ?? `t-${process.pid.toString(36)}-${randomBytes(4).toString("hex")}`),
    profile: options.profile ?? "fast",
    nodes: listNodes(options.nodes ?? NODES),
    env: { ...describeJournal(options.journal ?? "wire"), ...credits, ...options.env },
    voters: options.voters ?? null,
  };
}

function listNodes(nodes: NonNullable<LabOptions["nodes"]>): number | readonly NodeSpec[] {
  if (typeof nodes === "number") return nodes;
  return Object.entries(nodes).map(([id, { credits, env }]) => ({
    id: Number(id) satisfies NodeId,
    env: { ...(credits === undefined ? {} : { DS_INITIAL_CREDITS: String(credits) }), ...env },
  }));
}

function describeJournal(detail: JournalDetail): Readonly<Record<string, string>> {
  if (detail === "events") return {};
  return detail === "wire" ? { DS_LOG_LEVEL: "DEBUG", DS_JOURNAL: "wire" } : { DS_LOG_LEVEL: "DEBUG" };
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
