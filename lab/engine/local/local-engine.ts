/**
 * Nodes as processes on this machine, on loopback: no Docker needed.
 *
 * Idea: files say what should be there (local-store.ts), the process table says what is. Nodes outlive the CLI; every lab has its
 * own block of ports, so labs don't hear each other. Kernel faults and cable pulls need a network of one's own and don't exist here.
 */
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ImpairmentSet } from "../../../node/wire/control.ts";
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Hint } from "../../base/hint.ts";
import { LabError, nodeStillRuns, noSuchLab, noSuchNode } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { waitForEnd } from "../../base/process-table.ts";
import { PLATFORM } from "../../base/this-machine.ts";
import { REAL_WORLD } from "../../control/real-world.ts";
import type {
  Engine,
  ExecResult,
  Finding,
  KernelFaults,
  LabInfo,
  LabSpec,
  Leftover,
  LogLine,
  LogOptions,
  NodeInfo,
  NodeSpec,
  NodeStatus,
  Progress,
} from "../engine.ts";
import { cancelHelpers, startResumer } from "../helpers.ts";
import { ensureNodeBundle } from "../node-bundle.ts";
import { diagnose } from "./local-doctor.ts";
import { findLeftovers, removeLeftovers } from "./local-leftovers.ts";
import { readLogs } from "./local-logs.ts";
import { BLOCK, hasLoopbackMulticast, type PortBlock, reservePorts } from "./local-ports.ts";
import {
  endProcess,
  freeze,
  inspectNode,
  runningProcess,
  signalGroup,
  startProcess,
  stopProcess,
} from "./local-process.ts";
import { LOCAL_PROGRAMS } from "./local-program.ts";
import {
  emptyDisk,
  exists,
  findNodeProcesses,
  type LabRecord,
  labDir,
  leaveFaultsOf,
  listLabs,
  listNodes,
  makeNodeDir,
  nodeDir,
  readDisk,
  readLabRecord,
  writeDisk,
  writeKeys,
  writeLabRecord,
} from "./local-store.ts";

const GROUP = "224.1.1.1";
const EVENT_POLL_MS = 25;

export class LocalEngine implements Engine {
  readonly world = REAL_WORLD;
  readonly name = "local";
  readonly programs = LOCAL_PROGRAMS;
  #bundle: Promise<string> | null = null;
  /** Kept until this engine is closed: by then the nodes have bound their ports. */
  #ports: PortBlock | null = null;

  check(): Promise<{ detail: string; facts: Readonly<Record<string, unknown>> }> {
    const detail = `processes on this machine (Node ${process.versions.node})`;
    return Promise.resolve({ detail, facts: { node: process.versions.node, platform: process.platform } });
  }

  async prepare(progress: Progress): Promise<void> {
    await this.#ensureBundle(progress);
  }

  async labs(): Promise<readonly LabInfo[]> {
    const infos = await Promise.all((await listLabs()).map((name) => this.lab(name)));
    return infos.filter((info) => info !== null);
  }

  async lab(name: string): Promise<LabInfo | null> {
    if (!(await exists(labDir(name)))) return null;
    const [record, ids] = await Promise.all([readLabRecord(name), listNodes(name)]);
    const nodes = await Promise.all(ids.map((id) => inspectNode(name, record, id)));
    return {
      name,
      runtime: "local",
      run: record?.spec.run ?? null,
      profile: record?.spec.profile ?? "default",
      voters: record?.spec.voters ?? [],
      token: record?.spec.token || null,
      env: record?.spec.env ?? {},
      program: record?.spec.program ?? null,
      createdAtMs: record?.createdAtMs ?? null,
      network: record === null ? null : `127.0.0.1:${record.portBase}`,
      nodes,
    };
  }

  async createLab(spec: LabSpec, progress: Progress): Promise<void> {
    progress({ step: "ports", state: "start" });
    const dir = labDir(spec.name);
    await mkdir(dirname(dir), { recursive: true, mode: 0o700 });
    try {
      await mkdir(dir, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      throw new LabError("failed", `there is a local lab named "${spec.name}" already`, NEXT.removeLabFirst(spec.name));
    }
    assertIdsFit(spec.nodes);
    const [multicast, ports] = await Promise.all([
      hasLoopbackMulticast(GROUP),
      reservePorts(spec.nodes, (base) => isPromised(base, spec.name)),
    ]);
    this.#ports = ports;
    await writeLabRecord({ spec, portBase: ports.base, multicast, createdAtMs: Date.now() });
    const how = multicast ? "multicast on loopback" : "no multicast on loopback: every node sends to each peer";
    progress({ step: "ports", state: "done", detail: `127.0.0.1:${ports.base}+id, ${how}` });
  }

  async addNodes(spec: LabSpec, nodes: readonly NodeSpec[], progress: Progress): Promise<readonly NodeInfo[]> {
    assertIdsFit(nodes.map((node) => node.id));
    const record = await readLabRecord(spec.name);
    if (record === null) throw noSuchLab(spec.name);
    const bundle = await this.#bundleFor(record, progress);
    // Nodes that come later expect those that are there.
    const current: LabRecord = { ...record, spec };
    return Promise.all(
      nodes.map(async (node) => {
        progress({ step: "start", state: "start", node: node.id });
        await makeNodeDir(spec.name, node.id, node.env);
        const info = await startProcess(current, node.id, bundle);
        progress({ step: "start", state: "done", node: node.id });
        return info;
      }),
    );
  }

  async readSpec(name: string): Promise<LabSpec | null> {
    return (await readLabRecord(name))?.spec ?? null;
  }

  async writeKeys(lab: string, keys: string): Promise<void> {
    if ((await readLabRecord(lab)) === null) throw noSuchLab(lab);
    await writeKeys(lab, keys);
  }

  async start(lab: string, id: NodeId): Promise<void> {
    const record = await this.#recordOf(lab, id);
    if ((await runningProcess(lab, id)) !== null) return;
    await startProcess(record, id, await this.#bundleFor(record, () => {}));
  }

  async leaveFaults(lab: string, id: NodeId, set: ImpairmentSet): Promise<void> {
    await this.#recordOf(lab, id);
    if ((await runningProcess(lab, id)) !== null) return;
    await leaveFaultsOf(lab, id, set);
  }

  async stop(lab: string, id: NodeId, graceMs: number): Promise<void> {
    await this.#recordOf(lab, id);
    const process = await runningProcess(lab, id);
    if (process !== null) await stopProcess(process, graceMs);
  }

  async kill(lab: string, id: NodeId, signal: string): Promise<void> {
    const process = await this.#processOf(lab, id);
    try {
      signalGroup(process.mark.pid, signal as NodeJS.Signals);
    } catch (error) {
      throw new LabError(
        "usage",
        `"${signal}" isn't a signal here: ${(error as Error).message}`,
        "write KILL, TERM, INT, HUP, STOP, …",
      );
    }
    if (signal === "SIGKILL") await waitForEnd(process.mark, 10_000);
  }

  async pause(lab: string, id: NodeId): Promise<void> {
    if (!PLATFORM.hasSignals) throw unsupported("a way to be frozen on this system", NEXT.isolate([id]));
    await freeze(await this.#processOf(lab, id), true);
  }

  async resume(lab: string, id: NodeId): Promise<void> {
    await freeze(await this.#processOf(lab, id), false);
  }

  resumeAt(lab: string, id: NodeId, untilMs: number | null): Promise<void> {
    return untilMs === null ? cancelHelpers(lab, id) : startResumer(lab, this.name, id, untilMs);
  }

  async wipe(lab: string, id: NodeId): Promise<void> {
    await this.#recordOf(lab, id);
    if ((await runningProcess(lab, id)) !== null) throw nodeStillRuns(id);
    await emptyDisk(lab, id);
  }

  async saveDisk(lab: string, id: NodeId): Promise<Uint8Array> {
    const record = await this.#recordOf(lab, id);
    const process = await runningProcess(lab, id);
    const { status } = await inspectNode(lab, record, id);
    if (process === null || status === "paused") return await readDisk(lab, id);
    await freeze(process, true);
    try {
      return await readDisk(lab, id);
    } finally {
      await freeze(process, false);
    }
  }

  async restoreDisk(lab: string, id: NodeId, image: Uint8Array): Promise<void> {
    await this.#recordOf(lab, id);
    if ((await runningProcess(lab, id)) !== null) throw nodeStillRuns(id);
    await writeDisk(lab, id, image);
  }

  async remove(lab: string, id: NodeId): Promise<void> {
    await this.#recordOf(lab, id);
    const process = await runningProcess(lab, id);
    if (process !== null) await endProcess(process.mark.pid);
    await rm(nodeDir(lab, id), { recursive: true, force: true, maxRetries: 3 });
  }

  unplug(_lab: string, id: NodeId): Promise<void> {
    return Promise.reject(unsupported("a cable to pull", NEXT.isolate([id])));
  }

  plug(): Promise<void> {
    return Promise.reject(unsupported("a cable to plug in", NEXT.healAll()));
  }

  async destroyLab(name: string, progress: Progress): Promise<readonly Leftover[]> {
    const removed: Leftover[] = [];
    // By the processes' own environment: also those whose record was never written.
    for (let round = 0; round < 3; round++) {
      const processes = (await findNodeProcesses()).filter((process) => process.lab === name);
      if (processes.length === 0) break;
      await Promise.all(
        processes.map(async ({ pid, id }) => {
          await endProcess(pid);
          progress({ step: "remove", state: "done", node: id });
          removed.push({ kind: "process", id: String(pid), lab: name, why: `node ${id}` });
        }),
      );
    }
    const recorded = await Promise.all((await listNodes(name)).map((id) => runningProcess(name, id)));
    await Promise.all(recorded.map((process) => (process === null ? Promise.resolve() : endProcess(process.mark.pid))));
    if (await exists(labDir(name))) {
      await rm(labDir(name), { recursive: true, force: true, maxRetries: 5 });
      removed.push({ kind: "directory", id: labDir(name), lab: name, why: "ledgers and logs" });
    }
    return removed;
  }

  logs(lab: string, nodes: readonly NodeId[], options: LogOptions): AsyncIterable<LogLine> {
    return readLogs(lab, nodes, options);
  }

  controlExec(_lab: string, id: NodeId): Promise<string> {
    return Promise.reject(
      new LabError("unsupported", `node ${id} has no namespace to run a command in`, NEXT.listNodes()),
    );
  }

  rootExec(): Promise<ExecResult> {
    return Promise.reject(unsupported("a network of a node's own", "use the node's own impairments (backend shim)"));
  }

  kernelFaults(): Promise<KernelFaults> {
    return Promise.resolve({ nft: false, netem: false, htb: false, ifb: false });
  }

  async *events(
    lab: string,
    signal: AbortSignal,
  ): AsyncGenerator<{ atMs: number; node: NodeId; what: "start" | "die" | "pause" | "unpause" | "oom" }> {
    const known = new Map<NodeId, { status: NodeStatus; handle: string }>();
    for (let first = true; !signal.aborted; first = false) {
      const info = await this.lab(lab);
      const atMs = Date.now();
      for (const node of info?.nodes ?? []) {
        const before = known.get(node.id);
        known.set(node.id, node);
        const what = first ? null : describeChange(before, node);
        if (what !== null) yield { atMs, node: node.id, what };
      }
      await sleep(EVENT_POLL_MS, undefined, { signal }).catch(() => {});
    }
  }

  leftovers(): Promise<readonly Leftover[]> {
    return findLeftovers();
  }

  collect(leftovers: readonly Leftover[]): Promise<void> {
    return removeLeftovers(leftovers);
  }

  doctor(): Promise<readonly Finding[]> {
    return diagnose(GROUP);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ports?.[Symbol.asyncDispose]();
    this.#ports = null;
  }

  #ensureBundle(progress: Progress): Promise<string> {
    this.#bundle ??= ensureNodeBundle(progress);
    return this.#bundle;
  }

  /** Empty: its nodes run another program. */
  #bundleFor({ spec }: LabRecord, progress: Progress): Promise<string> {
    return spec.program == null ? this.#ensureBundle(progress) : Promise.resolve("");
  }

  async #recordOf(lab: string, id: NodeId): Promise<LabRecord> {
    const record = await readLabRecord(lab);
    if (record === null) throw noSuchLab(lab);
    const ids = await listNodes(lab);
    if (!ids.includes(id)) throw noSuchNode(lab, id, ids);
    return record;
  }

  async #processOf(lab: string, id: NodeId): Promise<NonNullable<Awaited<ReturnType<typeof runningProcess>>>> {
    await this.#recordOf(lab, id);
    const process = await runningProcess(lab, id);
    if (process !== null) return process;
    throw new LabError("failed", `node ${id} isn't running`, NEXT.startNodes([id]));
  }
}

/** Blocks of ports are promised to labs whose nodes may all be down. */
async function isPromised(base: number, except: string): Promise<boolean> {
  const records = await Promise.all(
    (await listLabs()).filter((name) => name !== except).map((name) => readLabRecord(name)),
  );
  return records.some((record) => record?.portBase === base);
}

function assertIdsFit(ids: readonly NodeId[]): void {
  const largest = Math.max(0, ...ids);
  if (largest < BLOCK - 1) return;
  throw new LabError(
    "usage",
    `node ${largest} is too high for the local runtime, whose labs have ${BLOCK} ports each`,
    `use numbers up to ${BLOCK - 2}, or --runtime docker`,
  );
}

function unsupported(what: string, instead: string | Hint): LabError {
  return new LabError("unsupported", `local processes don't have ${what}`, [
    instead,
    "or use a lab with --runtime docker",
  ]);
}

function describeChange(
  before: { status: NodeStatus; handle: string } | undefined,
  after: { status: NodeStatus; handle: string },
): "start" | "die" | "pause" | "unpause" | null {
  const was = before?.status ?? "created";
  const isNew = before !== undefined && before.handle !== after.handle;
  if (after.status === "exited") return was === "exited" && !isNew ? null : "die";
  if (after.status === "paused") return was === "paused" ? null : "pause";
  if (was === "paused" && !isNew) return "unpause";
  return isNew || was === "exited" || was === "created" ? "start" : null;
}
