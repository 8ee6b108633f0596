/**
 * A lab that exists: its engine, its nodes, its control channel and its own files in one handle.
 *
 * Commands, scenarios and tests call it. The handle holds no truth: `info` is what the engine said last (`refresh` asks again),
 * and the coordinator is the node that the others name at the moment of asking.
 */
import type { PingData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import type { LabClock } from "../base/lab-clock.ts";
import { LabError, noSuchLab, noSuchNode } from "../base/lab-error.ts";
import type { LabState } from "../base/lab-state.ts";
import { NEXT } from "../base/next.ts";
import { type CallOptions, type ControlBody, ControlClient, type ControlTarget } from "../control/control-client.ts";
import { drawFraction } from "../control/world.ts";
import {
  type Engine,
  hasContainers,
  type LabInfo,
  type NodeInfo,
  type ProgramHost,
  type Progress,
} from "../engine/engine.ts";
import { describeExit, isUp } from "../engine/node-status.ts";
import { FaultList } from "../faults/fault.ts";
import { FAULTS_FILE } from "../faults/fault-store.ts";
import type { LabAction } from "../journal/lab-entry.ts";
import { noteAction } from "../journal/lab-journal.ts";
import { DeathWatch } from "./deaths.ts";
import { type Agreement, type Answers, judgeAgreement, judgeConvergence } from "./judge-agreement.ts";
import { type Kind, kindOf } from "./kind.ts";
import { needsCoordinator, parseSelector, resolveGroups } from "./selectors.ts";
import { findSides } from "./sides.ts";

/** A node as a selector found it. */
export interface Chosen {
  readonly info: NodeInfo;
  readonly id: NodeId;
  /** Null when nobody was asked who leads. */
  readonly role: "coordinator" | "follower" | null;
}

export interface LabOptions {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

const PING_TIMEOUT_MS = 700;
const EXEC_TIMEOUT_MS = 10_000;

export class LabHandle implements AsyncDisposable {
  readonly engine: Engine;
  readonly state: LabState;
  readonly progress: Progress;
  readonly #signal: AbortSignal | undefined;
  #info: LabInfo;
  #control: ControlClient;
  readonly #deaths: DeathWatch;
  /** Changes under way that hold the lab's lock for this handle. */
  #locks = 0;

  constructor(engine: Engine, info: LabInfo, options: LabOptions = {}) {
    this.engine = engine;
    this.#info = info;
    this.state = engine.world.openState(info.name);
    this.progress = options.progress ?? (() => {});
    this.#signal = options.signal;
    this.#deaths = new DeathWatch(engine, this.state);
    this.#control = new ControlClient(info.token, engine.world);
  }

  /** Writes down the ends of nodes that the lab did not bring about. */
  noteDeaths(): Promise<void> {
    return this.#deaths.look(this.#info, this.#locks > 0);
  }

  /** What its nodes are. */
  get kind(): Kind {
    return kindOf(this.#info);
  }

  get helpers(): ProgramHost | null {
    return this.kind.helpers(this.engine);
  }

  get isTapped(): boolean {
    return this.kind.isTapped;
  }

  get name(): string {
    return this.#info.name;
  }

  /** The time in which its nodes live. */
  get clock(): LabClock {
    return this.engine.world.clock;
  }

  /** As the engine saw it last. */
  get info(): LabInfo {
    return this.#info;
  }

  /** Ids of all nodes, ascending. */
  get ids(): readonly NodeId[] {
    return this.#info.nodes.map((node) => node.id).sort((a, b) => a - b);
  }

  /** Ids of the nodes that run and aren't paused. */
  get running(): readonly NodeId[] {
    return this.ids.filter((id) => isUp(this.node(id)));
  }

  async refresh(): Promise<LabInfo> {
    const info = await this.engine.lab(this.name);
    if (info === null) throw noSuchLab(this.name);
    this.#info = info;
    await this.noteDeaths();
    return info;
  }

  /** @throws LabError("notFound") */
  node(id: NodeId): NodeInfo {
    const found = this.#info.nodes.find((node) => node.id === id);
    if (found === undefined)
      throw noSuchNode(
        this.name,
        id,
        this.#info.nodes.map((node) => node.id),
      );
    return found;
  }

  /** The way to ask node `id`: a datagram, or an exec inside it when no datagram gets there. */
  target(id: NodeId): ControlTarget {
    const info = this.node(id);
    if (info.unplugged) {
      this.progress({
        step: "control",
        state: "info",
        detail: `node ${id} is unplugged: asked by a command inside its container`,
      });
    }
    // Without a token a container obeys its own loopback only (compose).
    const isInsideOnly = info.unplugged || (hasContainers(this.#info.runtime) && this.#info.token === null);
    return {
      node: id,
      address: isInsideOnly ? null : info.control,
      exec: (json, timeoutMs) => this.engine.controlExec(this.name, id, json, timeoutMs),
    };
  }

  /**
   * One control request to one node; its data and its text.
   * @throws LabError with the node's refusal, or with the reason why it can't answer (paused, exited, silent)
   */
  async call(id: NodeId, body: ControlBody, options: CallOptions = {}): Promise<{ data: unknown; text: string }> {
    if (!this.kind.hasControl) {
      const message = `the nodes of lab "${this.name}" run another program, which doesn't know "${body.op}"`;
      throw new LabError("unsupported", message, "ask it what its lab file describes under ask:");
    }
    this.#assertAnswering(this.node(id));
    try {
      return await this.#control.call(this.target(id), body, this.#withSignal(options));
    } catch (error) {
      // Silence has a cause that the engine may know by now.
      if (error instanceof LabError && error.exit === "timeout" && error.details.accepted === false) {
        await this.refresh();
        this.#assertAnswering(this.node(id));
      }
      throw error;
    }
  }

  /** Each of these nodes' word about itself; null: no answer. Default: all that run and aren't paused. */
  async ping(ids: readonly NodeId[] = this.running, options: CallOptions = {}): Promise<Answers> {
    const all = this.#withSignal({ timeoutMs: PING_TIMEOUT_MS, ...options });
    return await this.kind.answers(ids, async (id) => {
      const target = this.target(id);
      // A command inside a container takes as long as Node takes to start.
      return await this.#control.ping(target, target.address === null ? { ...all, timeoutMs: EXEC_TIMEOUT_MS } : all);
    });
  }

  async pingOne(id: NodeId, options: CallOptions = {}): Promise<PingData | null> {
    return (await this.ping([id], options)).get(id) ?? null;
  }

  coordinator(): Promise<NodeId | null> {
    return this.kind.coordinator(this);
  }

  async judge(what: "agree" | "converged"): Promise<Agreement> {
    const [answers, sides] = await Promise.all([this.ping(), this.sides()]);
    return what === "agree" ? judgeAgreement(answers, { sides }) : judgeConvergence(answers);
  }

  /** The sides of the partition that the lab's faults make; one side when the network is whole. */
  async sides(): Promise<readonly (readonly NodeId[])[]> {
    const nowMs = this.clock.wallMs();
    const list = await this.state.readJson(FAULTS_FILE, FaultList.parse);
    const cuts = (list?.faults ?? []).filter(
      ({ impairment, untilMs }) => (impairment.cut || impairment.loss >= 1) && (untilMs ?? nowMs) >= nowMs,
    );
    // A node that is down or paused carries nothing from one side to the other.
    return findSides(
      this.running,
      cuts,
      this.#info.nodes.filter((node) => node.unplugged).map((node) => node.id),
    );
  }

  /**
   * The nodes that `selector` means now, with their roles where they had to be asked for.
   * @param eligible what the command can apply to: narrows words (`all`, `random`), never ids that are named
   */
  async resolve(selector: string, eligible: (node: NodeInfo) => boolean = () => true): Promise<readonly Chosen[]> {
    return (await this.resolveGroups([selector], eligible))[0] ?? [];
  }

  /**
   * The same for several selectors of one command, at one instant.
   * @param draw a number in [0, 1), for `random` and the like
   */
  async resolveGroups(
    selectors: readonly string[],
    eligible: (node: NodeInfo) => boolean = () => true,
    draw: () => number = () => drawFraction(this.engine.world),
  ): Promise<readonly (readonly Chosen[])[]> {
    const groups = selectors.map(parseSelector);
    const coordinator = groups.some(needsCoordinator) ? await this.coordinator() : null;
    const view = {
      lab: this.name,
      nodes: this.ids,
      eligible: this.ids.filter((id) => eligible(this.node(id))),
      running: this.running,
      voters: this.#info.voters,
      coordinator,
      places: new Map(this.#info.nodes.map((node) => [node.id, node])),
    };
    return resolveGroups(groups, view, draw).map((ids) =>
      ids.map((id) => ({
        info: this.node(id),
        id,
        role: coordinator === null ? null : id === coordinator ? "coordinator" : "follower",
      })),
    );
  }

  /** Writes down what the lab does to its nodes, in words and as data. Never fails. */
  note(action: LabAction, msg: string): Promise<void> {
    return noteAction({ state: this.state, clock: this.clock, run: this.info.run }, action, msg);
  }

  /** Runs `change` while no other command changes this lab. */
  async locked<T>(purpose: string, change: () => Promise<T>): Promise<T> {
    await using _lock = await this.state.lock({
      purpose,
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
      onWait: (holder) =>
        this.progress({ step: "lock", state: "info", detail: `waiting for process ${holder.pid} (${holder.purpose})` }),
    });
    this.#locks += 1;
    try {
      await this.refresh();
      return await change();
    } finally {
      this.#locks -= 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#control[Symbol.asyncDispose]();
    await this.engine[Symbol.asyncDispose]();
  }

  #assertAnswering(node: NodeInfo): void {
    const { id, status } = node;
    if (status === "unreachable") throw unreachableNode(node);
    if (status === "paused") {
      throw new LabError("failed", `node ${id} is paused: it can't answer`, NEXT.resumeNodes([id]), {
        details: { node: id, status },
      });
    }
    if (status === "exited" || status === "created") {
      const how = describeExit(node);
      const what = status === "created" ? "was never started" : `has exited${how === null ? "" : ` (${how})`}`;
      throw new LabError("failed", `node ${id} ${what}`, NEXT.startNodes([id]), {
        details: { node: id, status },
      });
    }
  }

  #withSignal(options: CallOptions): CallOptions {
    return this.#signal === undefined || options.signal !== undefined ? options : { ...options, signal: this.#signal };
  }
}

function unreachableNode({ id, status, host = "" }: NodeInfo): LabError {
  return new LabError("failed", `node ${id} can't be reached: its host ${host} is away`, NEXT.listHosts(), {
    details: { node: id, status, host },
  });
}

/** "killed 5 (coordinator)", "paused 1,2". */
export function describeChosen(verb: string, chosen: readonly Chosen[]): string {
  return `${verb} ${chosen.map((node) => (node.role === null ? `${node.id}` : `${node.id} (${node.role})`)).join(", ")}`;
}
