/**
 * Makes a lab's network and its nodes. The engine is the slow part, so everything that it needs goes into two calls a node
 * (create with the static address, start), all nodes at once, and nothing is asked that is known already.
 *
 * A call that fails or is interrupted leaves nothing of itself: requests under way are awaited first, because an engine finishes
 * what it began whether or not somebody still listens.
 */
import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { interrupted, LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { readDetail } from "../../journal/detail.ts";
import type { Program } from "../../kind/program-spec.ts";
import type { LabSpec, NodeInfo, NodeSpec, Progress } from "../engine.ts";
import { endpointOf, networkOf, startContainer } from "./docker-attach.ts";
import { allow, statusOf } from "./docker-errors.ts";
import { containerName, networkLabels, networkName, nodeLabels } from "./docker-labels.ts";
import { describeNode, listNodeContainers, UNICAST_PORT_BASE } from "./docker-labs.ts";
import { createBridge, type LabNetwork, listLabNetworks, removeNetwork } from "./docker-network.ts";
import { explainStart, fillContainer, planProgram, setGate } from "./docker-program.ts";
import { keepToken, SECRET_VARIABLES, secretsMount, writeSecrets } from "./docker-secrets.ts";
import { addressOf, reachesBridge } from "./docker-subnet.ts";

/** Above this, all nodes' addresses are fixed: a host's neighbour table holds 1024 entries for all its containers together. */
const ARP_NODES_MAX = 24;

type Bridge = Pick<LabNetwork, "id" | "name" | "subnet">;

/** Creates the lab's network. Throws LabError("usage") when a lab of that name exists. */
export async function createLabNetwork(
  docker: Docker,
  spec: LabSpec,
  progress: Progress,
  signal: AbortSignal,
): Promise<Bridge> {
  stopIf(signal);
  const [networks, containers] = await Promise.all([
    listLabNetworks(docker, spec.name),
    listNodeContainers(docker, spec.name),
  ]);
  if (networks.length + containers.length > 0) throw labExists(spec.name);
  progress({ step: "network", state: "start" });
  let made: Bridge;
  try {
    made = await createBridge(docker, {
      name: networkName(spec.name),
      labels: networkLabels(spec),
      seed: spec.name,
      isOutside: spec.program?.network?.outside !== false,
    });
  } catch (error) {
    progress({ step: "network", state: "failed" });
    throw statusOf(error) === 409 ? labExists(spec.name) : error;
  }
  // Engines before 25 let two networks of one name through when they come at the same moment: the older one wins.
  const [oldest] = await listLabNetworks(docker, spec.name);
  if (signal.aborted || oldest?.id !== made.id) {
    await removeNetwork(docker, made.id);
    progress({ step: "network", state: "failed" });
    stopIf(signal);
    throw labExists(spec.name);
  }
  progress({ step: "network", state: "done", detail: made.subnet });
  return made;
}

export async function createNodes(
  docker: Docker,
  options: {
    spec: LabSpec;
    nodes: readonly NodeSpec[];
    image: string;
    /** Null: the lab exists already, and with it its secrets. */
    network: Bridge | null;
    /** Address on the host for control ports; null: none is published. */
    publishOn: string | null;
  },
  progress: Progress,
  signal: AbortSignal,
): Promise<readonly NodeInfo[]> {
  const { spec, nodes } = options;
  const network = options.network ?? (await networkOf(docker, spec.name));
  // Known here: getting it out of a container again would be a part of every start.
  if (options.network !== null) await keepToken(spec.name, spec.run, spec.token);
  const direct = await reachesBridge(network.subnet);
  const { program = null } = spec;
  const plans = await Promise.all(
    nodes.map((node) =>
      program === null
        ? planContainer(spec, node, network, { image: options.image, publishOn: direct ? null : options.publishOn })
        : planStranger(docker, spec, node, network, program),
    ),
  );
  stopIf(signal);
  const made: string[] = [];
  /** Uploaded through whichever container is there first, while the others are made; nobody starts before. */
  let secrets: Promise<void> | null = options.network === null ? Promise.resolve() : null;
  const results = await Promise.allSettled(
    plans.map(async (plan) => {
      const { id } = plan;
      progress({ step: "start", state: "start", node: id });
      // Not aborted on the way: whether the engine made it would be unknown.
      const container = await docker.createContainer(plan.container);
      made.push(container.id);
      stopIf(signal);
      if (program === null) {
        secrets ??= writeSecrets(docker, container.id, { keys: spec.keys, token: spec.token });
        await secrets;
      } else await fillContainer(docker, container.id, program);
      if (program?.tap === true) await setGate(docker, container.id, "hold");
      await startContainer(docker, spec.name, id, container.id, plan.ip).catch((error: unknown) => {
        throw (program === null ? null : explainStart(error, id, program)) ?? error;
      });
      stopIf(signal);
      progress({ step: "start", state: "done", node: id });
      return startedNode(spec.name, id, container.id, plan, direct);
    }),
  );
  const failure = results.find((result) => result.status === "rejected");
  if (failure !== undefined) {
    progress({ step: "start", state: "failed" });
    await Promise.all(made.map((id) => allow([404, 409], docker.getContainer(id).remove({ force: true, v: true }))));
    stopIf(signal);
    throw failure.reason;
  }
  const infos = results.filter((result) => result.status === "fulfilled").map((result) => result.value);
  return direct || program !== null ? infos : readPublished(docker, spec, infos);
}

interface ContainerPlan {
  readonly id: NodeId;
  readonly ip: string;
  /** Of its control channel; 0: it has none. */
  readonly port: number;
  readonly container: Docker.ContainerCreateOptions;
}

const PIDS_MAX = 1_024;
const MEMORY_BYTES_MAX = 1024 ** 3;

async function planStranger(
  docker: Docker,
  spec: LabSpec,
  node: NodeSpec,
  network: Bridge,
  program: Program,
): Promise<ContainerPlan> {
  const ip = addressOf(network.subnet, node.id);
  const container = await planProgram(docker, { spec, node, program, network, endpoint: endpointOf(ip) });
  return { id: node.id, ip, port: 0, container };
}

function planContainer(
  spec: LabSpec,
  node: NodeSpec,
  network: Bridge,
  how: { image: string; publishOn: string | null },
): ContainerPlan {
  const ip = addressOf(network.subnet, node.id);
  const port = portBaseOf(spec) + node.id;
  const environment: Record<string, string> = {
    DS_NODE_ID: String(node.id),
    DS_NODES: spec.nodes.join(","),
    DS_VOTERS: spec.voters.join(","),
    DS_PROFILE: spec.profile,
    ...SECRET_VARIABLES,
    DS_RUN: spec.run,
    DS_HOST: ip,
    DS_DATA_DIR: "/data",
    DS_READY_FILE: "/run/lab/ready",
    ...(spec.nodes.length > ARP_NODES_MAX && {
      LAB_NEIGHBOURS: [network.subnet.replace(/\.\d+\/\d+$/, ""), ...spec.nodes].join(" "),
    }),
    ...spec.env,
    ...node.env,
  };
  const memoryBytes = spec.limits?.memoryBytes ?? MEMORY_BYTES_MAX;
  const container: Docker.ContainerCreateOptions = {
    name: containerName(spec.name, node.id),
    Hostname: `node-${node.id}`,
    Image: how.image,
    Labels: nodeLabels(spec, node, ip),
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    // The lab asks the nodes themselves; fifty of these checks a few seconds apart would be felt on a small machine.
    Healthcheck: { Test: ["NONE"] },
    StopTimeout: 5,
    HostConfig: {
      NetworkMode: network.name,
      Mounts: [secretsMount(spec)],
      // For the faults that the lab applies as root; the node itself runs without any capability.
      CapAdd: ["NET_ADMIN"],
      // A node of a small lab needs a tenth of either. One that goes wild must not take the machine with it.
      PidsLimit: spec.limits?.pids ?? PIDS_MAX,
      Memory: memoryBytes,
      // The same: no swap on top, which would make everything slow instead.
      MemorySwap: memoryBytes,
      LogConfig: { Type: "json-file", Config: logSize(environment) },
      ...(how.publishOn !== null && {
        PortBindings: { [`${port}/udp`]: [{ HostIp: how.publishOn, HostPort: "" }] },
      }),
    },
    ...(how.publishOn !== null && { ExposedPorts: { [`${port}/udp`]: {} } }),
    NetworkingConfig: {
      EndpointsConfig: { [network.name]: endpointOf(ip) },
    },
  };
  return { id: node.id, ip, port, container };
}

/**
 * The part of a node's journal that the engine keeps. Eight nodes with twenty trades a second write 1.5 MB a minute each in detail: hours must be
 * there whole, or nothing can be judged.
 */
function logSize(environment: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { isDetailed, hasWire } = readDetail(environment);
  return isDetailed || hasWire ? { "max-size": "64m", "max-file": "4" } : { "max-size": "10m", "max-file": "3" };
}

function startedNode(lab: string, id: NodeId, container: string, plan: ContainerPlan, direct: boolean): NodeInfo {
  return {
    lab,
    id,
    status: "running",
    exitCode: null,
    finishedAtMs: null,
    oomKilled: false,
    handle: container.slice(0, 12),
    ip: plan.ip,
    control: direct && plan.port > 0 ? `${plan.ip}:${plan.port}` : null,
    startedAtMs: Date.now(),
    unplugged: false,
  };
}

/** Which port the engine chose on the host is known only afterwards. */
async function readPublished(docker: Docker, spec: LabSpec, infos: readonly NodeInfo[]): Promise<readonly NodeInfo[]> {
  const containers = await listNodeContainers(docker, spec.name);
  return infos.map((info) => {
    const container = containers.find((other) => other.node === info.id);
    const control = container ? describeNode(spec.name, container, portBaseOf(spec), false).control : null;
    return { ...info, control };
  });
}

function portBaseOf(spec: LabSpec): number {
  return Number(spec.env.DS_UNICAST_PORT_BASE ?? UNICAST_PORT_BASE);
}

export function labExists(name: string): LabError {
  return new LabError(
    "usage",
    `there is a lab named "${name}" already`,
    [NEXT.removeLab(name), "or choose another --name"],
    // The clean-up after a failure must know that this lab is somebody else's.
    { details: { reason: "labExists" } },
  );
}

function stopIf(signal: AbortSignal): void {
  if (signal.aborted) throw interrupted("what was made is removed; run it again");
}
