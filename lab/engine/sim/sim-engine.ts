/**
 * Nodes in virtual time, inside this process: the third engine. The lab's commands run on it unchanged.
 *
 * The nodes are the simulator's (lab/sim): the production core, codec, intake, control server and fault injector between modelled
 * network, disks and clocks. Every promise is checked at every step; when one breaks, time stops and every command says so.
 */
import { coreConfigOf } from "../../../node/runtime/core-config.ts";
import { OperatorError } from "../../../node/runtime/errors.ts";
import { journalLevelOf, readSettings } from "../../../node/runtime/settings.ts";
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Hint } from "../../base/hint.ts";
import { sleep } from "../../base/lab-clock.ts";
import { LabError, nodeStillRuns, noSuchLab, noSuchNode, notADisk } from "../../base/lab-error.ts";
import { MemoryState } from "../../base/lab-state.ts";
import { NEXT } from "../../base/next.ts";
import type { OpenControlTransport } from "../../control/udp-control.ts";
import type { World } from "../../control/world.ts";
import type { Sabotage } from "../../sim/bugs/sabotage.ts";
import { SimCluster } from "../../sim/cluster/sim-cluster.ts";
import { type Traffic, trafficOf } from "../../sim/cluster/traffic.ts";
import { Draw } from "../../sim/world/draw.ts";
import { EventQueue } from "../../sim/world/event-queue.ts";
import { addressOf, slotOf } from "../../sim/world/network.ts";
import { simControlKey } from "../../sim/world/seal.ts";
import { decodeDisk, encodeDisk } from "../../sim/world/sim-disk.ts";
import type { SimNode } from "../../sim/world/sim-node.ts";
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
import { EPOCH_MS, VirtualClock } from "./sim-clock.ts";

interface SimLab {
  readonly spec: LabSpec;
  readonly cluster: SimCluster;
}

/** How long a control datagram takes, each way. */
const CONTROL_MS = 0.1;
const POLL_MS = 10;
const PORT_BASE = 6_000;

export class SimEngine implements Engine {
  readonly name = "sim";
  readonly world: World;
  readonly clock: VirtualClock;
  readonly #queue = new EventQueue();
  readonly #seed: number;
  readonly #sabotage: Sabotage;
  readonly #labs = new Map<string, SimLab>();
  readonly #states = new Map<string, MemoryState>();
  /** When paused nodes go on by themselves, by wall clock. */
  readonly #resumptions = new WeakMap<SimNode, number>();
  /** By the made-up address of the client. */
  readonly #clients = new Map<string, (datagram: Uint8Array) => void>();
  #clientCount = 0;

  constructor(seed: number, sabotage: Sabotage = {}) {
    this.#seed = seed;
    this.#sabotage = sabotage;
    this.clock = new VirtualClock(this.#queue, seed);
    const draw = new Draw(seed, "lab");
    this.world = {
      clock: this.clock,
      openControl: this.#openControl,
      controlKey: simControlKey,
      ownProcess: () => Promise.resolve(null),
      entropy: (bytes) => Uint8Array.from({ length: bytes }, () => draw.integer(0, 255)),
      openState: (lab) => this.stateOf(lab),
    };
  }

  readonly #openControl: OpenControlTransport = (onDatagram) => {
    this.#clientCount += 1;
    const own = `lab:${this.#clientCount}`;
    this.#clients.set(own, onDatagram);
    return Promise.resolve({
      send: (datagram, address) => {
        this.#assertSound();
        // Labs have equal addresses; the token tells them apart, as everywhere.
        const slot = slotOf(address) ?? 0;
        this.#queue.after(CONTROL_MS, () => {
          for (const { cluster } of this.#labs.values()) cluster.nodes.get(slot)?.receiveControl(datagram, own);
        });
      },
      close: () => {
        this.#clients.delete(own);
        return Promise.resolve();
      },
    });
  };

  /** The world of a lab, for those who look into it; null: there is no such lab. */
  look(lab: string): SimCluster | null {
    return this.#labs.get(lab)?.cluster ?? null;
  }

  /** The id of the lab's run, which each of its lines carries. */
  runOf(lab: string): string | null {
    return this.#labs.get(lab)?.spec.run ?? null;
  }

  /** The lab's own records: of a simulated lab, nothing but memory holds them. */
  stateOf(lab: string): MemoryState {
    const state = this.#states.get(lab) ?? new MemoryState(lab);
    this.#states.set(lab, state);
    return state;
  }

  check(): Promise<{ detail: string; facts: Readonly<Record<string, unknown>> }> {
    return Promise.resolve({ detail: "virtual time in this process", facts: { seed: this.#seed } });
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  async labs(): Promise<readonly LabInfo[]> {
    const infos = await Promise.all([...this.#labs.keys()].map((name) => this.lab(name)));
    return infos.filter((info) => info !== null);
  }

  async lab(name: string): Promise<LabInfo | null> {
    this.#assertSound();
    const lab = this.#labs.get(name);
    if (lab === undefined) return await Promise.resolve(null);
    const { spec, cluster } = lab;
    const nodes = [...cluster.nodes.values()].sort((a, b) => a.id - b.id);
    return {
      name,
      runtime: "sim",
      run: spec.run,
      profile: spec.profile,
      voters: spec.voters,
      token: spec.token,
      // Virtual time has no age.
      createdAtMs: null,
      network: "virtual",
      env: spec.env,
      nodes: nodes.map((node) => describeNode(name, node)),
    };
  }

  createLab(spec: LabSpec): Promise<void> {
    if (this.#labs.has(spec.name)) {
      throw new LabError(
        "failed",
        `there is a simulated lab named "${spec.name}" already`,
        NEXT.removeLabFirst(spec.name),
      );
    }
    const cluster = new SimCluster({
      ...this.#sabotage,
      nodes: [],
      // Labs of one world differ, and the same commands give the same labs.
      seed: this.#seed + this.#labs.size,
      queue: this.#queue,
      control: {
        authenticator: simControlKey(spec.token),
        profile: spec.profile,
        wallMs: () => this.clock.wallMs(),
        send: (datagram, address) =>
          void this.#queue.after(CONTROL_MS, () => {
            this.clock.interrupt();
            this.#clients.get(address)?.(datagram);
          }),
      },
    });
    this.#labs.set(spec.name, { spec, cluster });
    return Promise.resolve();
  }

  addNodes(spec: LabSpec, nodes: readonly NodeSpec[], progress: Progress): Promise<readonly NodeInfo[]> {
    const { cluster } = this.#labOf(spec.name);
    for (const { id, env } of nodes) {
      const { core, journal } = configOf(spec, id, env);
      cluster.journal.detail(id, journal);
      cluster.add(id, id, core);
    }
    for (const { id } of nodes) {
      this.#change(() => cluster.start(id));
      progress({ step: "start", state: "done", node: id });
    }
    return Promise.resolve(nodes.map(({ id }) => describeNode(spec.name, cluster.node(id))));
  }

  readSpec(name: string): Promise<LabSpec | null> {
    return Promise.resolve(this.#labs.get(name)?.spec ?? null);
  }

  writeKeys(): Promise<void> {
    return Promise.reject(
      unsupported("cluster keys: their datagrams carry checksums", "use a lab with --runtime local"),
    );
  }

  start(lab: string, id: NodeId): Promise<void> {
    const { cluster } = this.#nodeOf(lab, id);
    this.#change(() => cluster.start(id));
    return Promise.resolve();
  }

  async stop(lab: string, id: NodeId, graceMs: number): Promise<void> {
    const { cluster, node } = this.#nodeOf(lab, id);
    this.#change(() => {
      cluster.resume(id);
      cluster.stop(id);
    });
    const deadlineMs = this.clock.nowMs() + graceMs;
    while (node.status !== "down" && this.clock.nowMs() < deadlineMs) await sleep(this.clock, POLL_MS);
    this.#assertSound();
    if (node.status !== "down") cluster.kill(id);
  }

  async kill(lab: string, id: NodeId, signal: string): Promise<void> {
    const { cluster, node } = this.#nodeOf(lab, id);
    if (node.status === "down") throw new LabError("failed", `node ${id} isn't running`, NEXT.startNodes([id]));
    switch (signal) {
      case "SIGKILL":
        this.#change(() => cluster.kill(id));
        return;
      case "SIGTERM":
      case "SIGINT":
        this.#change(() => cluster.stop(id));
        return;
      case "SIGSTOP":
        return await this.pause(lab, id);
      case "SIGCONT":
        return await this.resume(lab, id);
      default:
        throw new LabError(
          "unsupported",
          `simulated nodes know nothing of ${signal}`,
          "send KILL, TERM, INT, STOP or CONT",
        );
    }
  }

  pause(lab: string, id: NodeId): Promise<void> {
    this.#nodeOf(lab, id).cluster.freeze(id);
    return Promise.resolve();
  }

  resume(lab: string, id: NodeId): Promise<void> {
    const { cluster } = this.#nodeOf(lab, id);
    this.#change(() => cluster.resume(id));
    return Promise.resolve();
  }

  resumeAt(lab: string, id: NodeId, untilMs: number | null): Promise<void> {
    const { cluster, node } = this.#nodeOf(lab, id);
    if (untilMs === null) {
      this.#resumptions.delete(node);
      return Promise.resolve();
    }
    this.#resumptions.set(node, untilMs);
    this.clock.schedule(untilMs - this.clock.wallMs(), () => {
      // A timer of an earlier pause must not end a later one.
      if (cluster.nodes.get(id) !== node || this.#resumptions.get(node) !== untilMs) return;
      this.#resumptions.delete(node);
      cluster.resume(id);
    });
    return Promise.resolve();
  }

  wipe(lab: string, id: NodeId): Promise<void> {
    const { cluster, node } = this.#nodeOf(lab, id);
    if (node.status !== "down") return Promise.reject(nodeStillRuns(id));
    this.#change(() => cluster.wipe(id));
    return Promise.resolve();
  }

  saveDisk(lab: string, id: NodeId): Promise<Uint8Array> {
    return Promise.resolve(encodeDisk(this.#nodeOf(lab, id).cluster.saveDisk(id)));
  }

  restoreDisk(lab: string, id: NodeId, image: Uint8Array): Promise<void> {
    const { cluster, node } = this.#nodeOf(lab, id);
    if (node.status !== "down") return Promise.reject(nodeStillRuns(id));
    const saved = decodeDisk(image);
    if (saved === null) return Promise.reject(notADisk());
    this.#change(() => cluster.restoreDisk(id, saved));
    return Promise.resolve();
  }

  remove(lab: string, id: NodeId): Promise<void> {
    this.#nodeOf(lab, id).cluster.remove(id);
    return Promise.resolve();
  }

  unplug(_lab: string, id: NodeId): Promise<void> {
    return Promise.reject(unsupported("a cable to pull", NEXT.isolate([id])));
  }

  plug(): Promise<void> {
    return Promise.reject(unsupported("a cable to plug in", NEXT.healAll()));
  }

  destroyLab(name: string): Promise<readonly Leftover[]> {
    const lab = this.#labs.get(name);
    if (lab === undefined) return Promise.resolve([]);
    for (const id of lab.cluster.nodes.keys()) lab.cluster.kill(id);
    this.#labs.delete(name);
    return Promise.resolve(
      [...lab.cluster.nodes.keys()].map((id) => ({ kind: "process", id: `${id}`, lab: name, why: `node ${id}` })),
    );
  }

  /** The lines written until now: while somebody reads, time stands still. */
  async *logs(lab: string, nodes: readonly NodeId[], options: LogOptions): AsyncGenerator<LogLine> {
    // Also of a broken world: what led there is in its journal.
    const found = this.#labs.get(lab);
    if (found === undefined) throw noSuchLab(lab);
    const { cluster, spec } = found;
    const lines = cluster.journal.lines.filter(
      ({ node, time }) => nodes.includes(node) && EPOCH_MS + time >= (options.sinceMs ?? Number.NEGATIVE_INFINITY),
    );
    const { tail } = options;
    const lastOf = (id: NodeId) => (tail === 0 ? [] : lines.filter(({ node }) => node === id).slice(-(tail ?? 0)));
    const wanted = tail === null ? null : new Set(nodes.flatMap(lastOf));
    for (const line of lines) {
      if (wanted?.has(line) === false) continue;
      const text = JSON.stringify({ run: spec.run, ...line, time: EPOCH_MS + line.time });
      yield await Promise.resolve({ node: line.node, text, stream: "stdout" });
    }
  }

  controlExec(_lab: string, id: NodeId): Promise<string> {
    return Promise.reject(unsupported(`a shell inside node ${id}`, "use the control channel"));
  }

  rootExec(): Promise<ExecResult> {
    return Promise.reject(unsupported("a kernel of their own", "use the node's own impairments (backend shim)"));
  }

  kernelFaults(): Promise<KernelFaults> {
    return Promise.resolve({ nft: false, netem: false, htb: false, ifb: false });
  }

  async *events(
    lab: string,
    signal: AbortSignal,
  ): AsyncGenerator<{ atMs: number; node: NodeId; what: "start" | "die" | "pause" | "unpause" | "oom" }> {
    let before = new Map<NodeId, NodeStatus>();
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const nodes = (await this.lab(lab))?.nodes ?? [];
      for (const { id, status } of isFirst ? [] : nodes) {
        const was = before.get(id) ?? "created";
        if (was === status) continue;
        const what =
          status === "exited" ? "die" : status === "paused" ? "pause" : was === "paused" ? "unpause" : "start";
        yield { atMs: this.clock.wallMs(), node: id, what };
      }
      before = new Map(nodes.map(({ id, status }) => [id, status]));
      await sleep(this.clock, POLL_MS, signal).catch(() => {});
    }
  }

  traffic(lab: string): Traffic {
    return trafficOf(this.#labOf(lab).cluster);
  }

  leftovers(): Promise<readonly Leftover[]> {
    return Promise.resolve([]);
  }

  collect(): Promise<void> {
    return Promise.resolve();
  }

  doctor(): Promise<readonly Finding[]> {
    return Promise.resolve([]);
  }

  /** The session owns it (sim-session.ts); a command that is done with it changes nothing. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #labOf(name: string): SimLab {
    this.#assertSound();
    const lab = this.#labs.get(name);
    if (lab === undefined) throw noSuchLab(name);
    return lab;
  }

  #nodeOf(lab: string, id: NodeId): { cluster: SimCluster; node: SimNode } {
    const { cluster } = this.#labOf(lab);
    const node = cluster.nodes.get(id);
    if (node === undefined) throw noSuchNode(lab, id, [...cluster.nodes.keys()]);
    return { cluster, node };
  }

  /** A node may break a promise at once, while the change is made. */
  #change(change: () => void): void {
    try {
      change();
    } catch (error) {
      this.clock.fail(error);
    }
    this.#assertSound();
  }

  #assertSound(): void {
    if (this.clock.failure !== null) throw this.clock.failure;
  }
}

function describeNode(lab: string, node: SimNode): NodeInfo {
  const status: NodeStatus =
    node.status === "frozen"
      ? "paused"
      : node.status === "running"
        ? "running"
        : node.incarnation === 0
          ? "created"
          : "exited";
  const address = addressOf(node.slot);
  return {
    lab,
    id: node.id,
    status,
    exitCode: status === "exited" ? (node.exit?.code ?? 137) : null,
    finishedAtMs: status === "exited" && node.downAtMs !== null ? EPOCH_MS + Math.floor(node.downAtMs) : null,
    oomKilled: false,
    handle: `${node.id}.${node.incarnation}`,
    ip: address.slice(0, address.lastIndexOf(":")),
    control: address,
    startedAtMs: null,
    unplugged: false,
  };
}

/** By the same variables as every other node, so that a lab's file means the same everywhere. */
function configOf(spec: LabSpec, id: NodeId, own: Readonly<Record<string, string>>) {
  const environment = {
    DS_PROFILE: spec.profile,
    DS_VOTERS: spec.voters.join(","),
    DS_NODES: spec.nodes.join(","),
    ...spec.env,
    ...own,
  };
  try {
    const settings = readSettings(environment);
    return {
      core: coreConfigOf(settings, { id, portBase: PORT_BASE, durable: true }),
      journal: { level: journalLevelOf(settings), wire: settings.DS_JOURNAL === "wire" },
    };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw new LabError("usage", `node ${id}: ${error.message}`, error.hint, { cause: error });
  }
}

function unsupported(what: string, instead: string | Hint): LabError {
  return new LabError("unsupported", `simulated nodes don't have ${what}`, [
    instead,
    "or use a lab with --runtime docker",
  ]);
}
