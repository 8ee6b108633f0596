/**
 * Nodes as containers on a bridge of their own: the Engine interface over the Docker Engine API. Only lab/engine/docker*.ts know
 * dockerode. This file is the table of contents; each idea has a file beside it.
 */

import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError } from "../../base/lab-error.ts";
import { REAL_WORLD } from "../../control/real-world.ts";
import { decodeAll } from "../../kind/decode.ts";
import type { Program } from "../../kind/program-spec.ts";
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
  ProgramHost,
  Progress,
} from "../engine.ts";
import { cancelHelpers, startResumer } from "../helpers.ts";
import { type Connection, connectDocker } from "./docker-connect.ts";
import { createLabNetwork, createNodes } from "./docker-create.ts";
import { destroy, removeThings } from "./docker-destroy.ts";
import { restoreDisk, saveDisk, wipeDisk } from "./docker-disk.ts";
import { checkEngine, examine } from "./docker-doctor.ts";
import { explain } from "./docker-errors.ts";
import { watchLab } from "./docker-events.ts";
import { execAsRoot, execControl, execInHelper, execPlain, type NodePlace } from "./docker-exec.ts";
import { dropHelper, ensureHelper, findHelper } from "./docker-helper.ts";
import { buildImage, type ImagePlan, planImage } from "./docker-image.ts";
import { findNode, listLabs, listNodeContainers, readLabSpec } from "./docker-labs.ts";
import { findLeftovers } from "./docker-leftovers.ts";
import { readLogs } from "./docker-logs.ts";
import type { LabNetwork } from "./docker-network.ts";
import {
  killNode,
  pauseNode,
  plugNode,
  removeNode,
  resumeNode,
  startNode,
  stopNode,
  unplugNode,
} from "./docker-nodes.ts";
import { kernelFaultsOf } from "./docker-probe.ts";
import { prepareProgram, setGate } from "./docker-program.ts";
import { readProxies } from "./docker-proxies.ts";
import { watchPulse, whileAnswering } from "./docker-pulse.ts";
import { replaceKeys } from "./docker-secrets.ts";
import { ensureTapImage, listeningScript, readCaptures } from "./docker-tap.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What is different for an engine that is one host of a swarm. */
export interface DockerOptions {
  /** Labs of the other runtime in the same engine are left alone. */
  readonly runtime?: "docker" | "swarm";
  /** Address of the host on which nodes' control ports are published; absent: loopback, if the engine is on this machine. */
  readonly publishOn?: string;
}

export class DockerEngine implements Engine {
  readonly world = REAL_WORLD;
  readonly name: "docker" | "swarm";
  readonly #connection: Connection;
  readonly #docker: Docker;
  #image: ImagePlan | null = null;
  /** Networks that this instance made: `up` needn't look for its own. */
  readonly #networks = new Map<string, Pick<LabNetwork, "id" | "name" | "subnet">>();

  /** Containers as the last look at a lab showed them, `lab/id` -> container: a fault on many nodes needn't look again for each. */
  readonly #seen = new Map<string, string>();

  /** Labs whose nodes run a program that isn't ours, as the last look showed them. */
  readonly #strangers = new Map<string, Program>();

  readonly programs: ProgramHost = {
    prepare: (program, progress, signal) =>
      this.#do("prepare the program's image", async () => {
        await prepareProgram(this.#docker, program, progress, signal);
        if (program.tap === true) await ensureTapImage(this.#docker, await this.#ensureTools(progress), progress);
      }),
    exec: (lab, id, command, timeoutMs) =>
      this.#do(`run a command in node ${id}`, () => execPlain(this.#docker, this.#place(lab, id), command, timeoutMs)),
    hasHelper: (lab, id) =>
      this.#do(`look for the helper of node ${id}`, async () => (await findHelper(this.#docker, lab, id)) !== null),
    dropHelper: (lab, id) =>
      this.#do(`remove the helper of node ${id}`, async () => {
        // It has the tap as well.
        if (this.#isTapped(lab)) return;
        await dropHelper(this.#docker, lab, id);
      }),
    release: (lab, id) =>
      this.#do(`let node ${id} go on`, async () => {
        if (this.#isTapped(lab)) await this.#tap(lab, id);
        else await setGate(this.#docker, (await findNode(this.#docker, lab, id)).id, "go");
      }),
    decode: decodeAll,
    captures: (lab) => this.#do(`read the messages of lab "${lab}"`, () => readCaptures(this.#docker, lab)),
  };

  readonly #environment: Environment;

  readonly #publishOn: string | null;

  private constructor(connection: Connection, environment: Environment, options: DockerOptions) {
    this.#connection = connection;
    this.name = options.runtime ?? "docker";
    this.#publishOn = options.publishOn ?? (connection.endpoint.local ? "127.0.0.1" : null);
    this.#environment = environment;
    this.#docker = connection.docker;
  }

  /** Finds out which engine is meant; the first request reaches it. Throws LabError("engineUnreachable"). */
  static async open(environment: Environment = process.env, options: DockerOptions = {}): Promise<DockerEngine> {
    return new DockerEngine(await connectDocker(environment), environment, options);
  }

  /** New nodes of this lab go on a network that is there, and bring the lab's secrets along. */
  useNetwork(lab: string, network: Pick<LabNetwork, "id" | "name" | "subnet">): void {
    this.#networks.set(lab, network);
  }

  check(signal?: AbortSignal): Promise<{ detail: string; facts: Readonly<Record<string, unknown>> }> {
    return this.#do("ask the engine for its version", () => checkEngine(this.#connection, signal));
  }

  prepare(progress: Progress, signal: AbortSignal): Promise<void> {
    return this.#do("build the node image", async () => {
      // While the user waits anyway: the first fault then finds the answer on disk.
      if (await this.#build(progress, signal)) await kernelFaultsOf(this.#connection, progress);
    });
  }

  labs(): Promise<readonly LabInfo[]> {
    return this.#do("list the labs", () => listLabs(this.#docker, this.name));
  }

  lab(name: string): Promise<LabInfo | null> {
    return this.#do(`look up lab "${name}"`, async () => {
      const [info = null] = await listLabs(this.#docker, this.name, name);
      if (info?.program != null) this.#strangers.set(name, info.program);
      for (const node of info?.nodes ?? []) this.#seen.set(`${name}/${node.id}`, node.handle);
      return info;
    });
  }

  createLab(spec: LabSpec, progress: Progress, signal: AbortSignal): Promise<void> {
    if (spec.program != null) this.#strangers.set(spec.name, spec.program);
    return this.#do(`create the network of lab "${spec.name}"`, async () => {
      this.#networks.set(spec.name, await createLabNetwork(this.#docker, spec, progress, signal));
    });
  }

  addNodes(
    spec: LabSpec,
    nodes: readonly NodeSpec[],
    progress: Progress,
    signal: AbortSignal,
  ): Promise<readonly NodeInfo[]> {
    return this.#do(`start the nodes of lab "${spec.name}"`, async () => {
      const image = spec.program?.image ?? (await this.#planImage()).tag;
      const network = this.#networks.get(spec.name) ?? null;
      const publishOn = this.#publishOn;
      const made = await createNodes(this.#docker, { spec, nodes, image, network, publishOn }, progress, signal);
      if (spec.program?.tap === true) {
        // All to their ends, so that none makes a helper while what was made is removed.
        const taps = await Promise.allSettled(made.map(({ id }) => this.#tap(spec.name, id, progress)));
        const failed = taps.find((tap) => tap.status === "rejected");
        if (failed !== undefined) throw failed.reason;
      }
      return made;
    });
  }

  readSpec(name: string): Promise<LabSpec | null> {
    return this.#do(`read how lab "${name}" was made`, () => readLabSpec(this.#docker, name));
  }

  writeKeys(lab: string, keys: string): Promise<void> {
    return this.#do(`write the keys of lab "${lab}"`, async () =>
      replaceKeys(this.#docker, lab, await listNodeContainers(this.#docker, lab), keys),
    );
  }

  start(lab: string, id: NodeId): Promise<void> {
    return this.#do(`start node ${id}`, async () => {
      // A helper lives in the network of the node's last process: the faults get another one, before the program speaks.
      const hadHelper = this.#strangers.has(lab) && (await dropHelper(this.#docker, lab, id));
      if (hadHelper || this.#isTapped(lab)) {
        await setGate(this.#docker, (await findNode(this.#docker, lab, id)).id, "hold");
      }
      await startNode(this.#docker, lab, id);
    });
  }

  stop(lab: string, id: NodeId, graceMs: number): Promise<void> {
    return this.#do(`stop node ${id}`, () => stopNode(this.#docker, lab, id, graceMs));
  }

  kill(lab: string, id: NodeId, signal: string): Promise<void> {
    return this.#do(`kill node ${id}`, () => killNode(this.#docker, lab, id, signal));
  }

  pause(lab: string, id: NodeId): Promise<void> {
    return this.#do(`pause node ${id}`, () => pauseNode(this.#docker, lab, id));
  }

  resume(lab: string, id: NodeId): Promise<void> {
    return this.#do(`resume node ${id}`, () => resumeNode(this.#docker, lab, id));
  }

  resumeAt(lab: string, id: NodeId, untilMs: number | null): Promise<void> {
    return untilMs === null ? cancelHelpers(lab, id) : startResumer(lab, this.name, id, untilMs);
  }

  wipe(lab: string, id: NodeId): Promise<void> {
    return this.#do(`wipe the disk of node ${id}`, () => wipeDisk(this.#docker, lab, id));
  }

  saveDisk(lab: string, id: NodeId): Promise<Uint8Array> {
    return this.#do(`save the disk of node ${id}`, () => saveDisk(this.#docker, lab, id));
  }

  restoreDisk(lab: string, id: NodeId, image: Uint8Array): Promise<void> {
    return this.#do(`restore the disk of node ${id}`, () => restoreDisk(this.#docker, lab, id, image));
  }

  remove(lab: string, id: NodeId): Promise<void> {
    return this.#do(`remove node ${id}`, async () => {
      if (this.#strangers.has(lab)) await dropHelper(this.#docker, lab, id);
      await removeNode(this.#docker, lab, id);
    });
  }

  unplug(lab: string, id: NodeId): Promise<void> {
    return this.#do(`unplug node ${id}`, () => unplugNode(this.#docker, lab, id));
  }

  plug(lab: string, id: NodeId): Promise<void> {
    return this.#do(`plug node ${id} in`, () => plugNode(this.#docker, lab, id));
  }

  destroyLab(name: string, progress: Progress): Promise<readonly Leftover[]> {
    this.#networks.delete(name);
    return this.#do(`take lab "${name}" down`, () => destroy(this.#docker, this.name, name, progress));
  }

  async *logs(lab: string, nodes: readonly NodeId[], options: LogOptions): AsyncGenerator<LogLine> {
    yield* this.#explained("read the logs", readLogs(this.#docker, lab, nodes, options), options.signal);
  }

  controlExec(lab: string, id: NodeId, requestJson: string, timeoutMs: number): Promise<string> {
    return this.#do(`ask node ${id}`, () => execControl(this.#docker, this.#place(lab, id), requestJson, timeoutMs));
  }

  rootExec(
    lab: string,
    id: NodeId,
    script: string,
    options: { detach?: boolean; stdin?: string } = {},
  ): Promise<ExecResult> {
    return this.#do(`run a script in node ${id}`, async () => {
      if (!this.#strangers.has(lab)) return await execAsRoot(this.#docker, this.#place(lab, id), script, options);
      return await execInHelper(this.#docker, await this.#helper(lab, id), script, options);
    });
  }

  kernelFaults(progress: Progress): Promise<KernelFaults> {
    return this.#do("try the kernel's fault tools", async () => {
      // A lab of somebody else's program runs without our image until its first fault.
      if (this.#strangers.size > 0) await this.#ensureTools(progress);
      return await kernelFaultsOf(this.#connection, progress);
    });
  }

  events(lab: string, signal: AbortSignal): ReturnType<Engine["events"]> {
    return this.#explained("watch the engine's events", watchLab(this.#docker, lab, signal), signal);
  }

  leftovers(): Promise<readonly Leftover[]> {
    return this.#do("look for leftovers", () => findLeftovers(this.#docker, this.name, () => this.#planImage()));
  }

  collect(leftovers: readonly Leftover[]): Promise<void> {
    return this.#do("remove leftovers", async () => {
      await removeThings(this.#docker, leftovers);
    });
  }

  doctor(): Promise<readonly Finding[]> {
    return this.#do("examine the engine", () => examine(this.#connection, () => this.#planImage()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#connection[Symbol.dispose]();
    return Promise.resolve();
  }

  #place(lab: string, id: NodeId): NodePlace {
    return { lab, id, seen: this.#seen.get(`${lab}/${id}`) ?? null };
  }

  #isTapped(lab: string): boolean {
    return this.#strangers.get(lab)?.tap === true;
  }

  async #helper(lab: string, id: NodeId, progress: Progress = () => {}): Promise<string> {
    const [node, tools] = await Promise.all([findNode(this.#docker, lab, id), this.#ensureTools()]);
    const isTapped = this.#isTapped(lab);
    const image = isTapped ? await ensureTapImage(this.#docker, tools, progress) : tools;
    return await ensureHelper(this.#docker, lab, node, { image, isTapped });
  }

  /** Lets a node that waits at its gate go on, when its tap listens. */
  async #tap(lab: string, id: NodeId, progress: Progress = () => {}): Promise<void> {
    const helper = await this.#helper(lab, id, progress);
    const { exitCode, stderr } = await execInHelper(this.#docker, helper, listeningScript(id), {});
    if (exitCode !== 0) {
      const hint = ["leave --messages out", "has the engine's kernel nfnetlink_log?"];
      throw new LabError("failed", `the tap of node ${id} doesn't listen: ${stderr.trim().split("\n").at(-1)}`, hint);
    }
    await setGate(this.#docker, (await findNode(this.#docker, lab, id)).id, "go");
  }

  /** True when there was something to build. */
  async #build(progress: Progress, signal: AbortSignal): Promise<boolean> {
    const planned = await planImage(progress, this.#environment);
    const plan = { ...planned, proxies: await readProxies(this.#connection.endpoint.host, this.#environment) };
    this.#image = plan;
    return await buildImage(this.#docker, plan, progress, signal);
  }

  /** The image with the fault tools, built where it isn't there. */
  async #ensureTools(progress: Progress = () => {}): Promise<string> {
    if (this.#image === null) await this.#build(progress, new AbortController().signal);
    return (await this.#planImage()).tag;
  }

  async #planImage(): Promise<ImagePlan> {
    this.#image ??= await planImage(() => {}, this.#environment);
    return this.#image;
  }

  /** The one door through which errors leave: raw ones become the operator's. */
  async #do<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await whileAnswering(this.#connection, work);
    } catch (error) {
      throw explain(error, this.#connection.endpoint, doing);
    }
  }

  async *#explained<T>(doing: string, source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
    const done = new AbortController();
    let lost: unknown = null;
    // An engine that is lost has its connections closed, which ends the stream.
    watchPulse(this.#connection, done.signal).catch((error: unknown) => {
      lost = error;
    });
    try {
      yield* source;
    } catch (error) {
      // A caller that aborts a stream has seen enough; the broken connection is no error.
      if (!signal.aborted) throw explain(lost ?? error, this.#connection.endpoint, doing);
    } finally {
      done.abort();
    }
  }
}
