/**
 * Labs as the engine's labels tell them: two list calls, and one look into a container per lab for what is no label (the port
 * base in its environment; the token in a file, because labels and environments end up in monitoring systems).
 */
import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { noSuchLab, noSuchNode } from "../../base/lab-error.ts";
import type { Program } from "../../kind/program-spec.ts";
import type { LabInfo, LabSpec, NodeInfo, NodeStatus } from "../engine.ts";
import { allow } from "./docker-errors.ts";
import { DOCKER_LABELS, isOfRuntime, labelled, parseIds } from "./docker-labels.ts";
import { type LabNetwork, listLabNetworks } from "./docker-network.ts";
import { findToken, readSecrets, SECRET_VARIABLES } from "./docker-secrets.ts";
import { reachesBridge } from "./docker-subnet.ts";

export const UNICAST_PORT_BASE = 6000;

/** A node's container with what the list call says about it. */
export interface NodeContainer {
  readonly id: string;
  readonly node: NodeId;
  readonly state: string;
  readonly info: Docker.ContainerInfo;
}

export async function listLabs(docker: Docker, runtime: "docker" | "swarm", lab?: string): Promise<readonly LabInfo[]> {
  const [allContainers, allNetworks] = await Promise.all([
    listNodeContainers(docker, lab),
    listLabNetworks(docker, lab),
  ]);
  const containers = allContainers.filter(({ info }) => isOfRuntime(info.Labels, runtime));
  const networks = allNetworks.filter(({ labels }) => isOfRuntime(labels, runtime));
  const names = new Set([
    ...containers.map((container) => container.info.Labels[DOCKER_LABELS.lab] ?? ""),
    ...networks.map((network) => network.lab),
  ]);
  const found = [...names].filter((name) => name !== "").toSorted();
  return Promise.all(
    found.map((name) =>
      describeLab(
        docker,
        name,
        containers.filter((container) => container.info.Labels[DOCKER_LABELS.lab] === name),
        networks.find((network) => network.lab === name) ?? null,
      ),
    ),
  );
}

/** Containers of nodes, by number; of one lab or of all. */
export async function listNodeContainers(docker: Docker, lab?: string, id?: NodeId): Promise<readonly NodeContainer[]> {
  const containers = await docker.listContainers({
    all: true,
    filters: labelled(
      lab === undefined ? DOCKER_LABELS.lab : ([DOCKER_LABELS.lab, lab] as const),
      id === undefined ? DOCKER_LABELS.node : ([DOCKER_LABELS.node, String(id)] as const),
    ),
  });
  return containers
    .map((info) => ({ id: info.Id, node: Number(info.Labels[DOCKER_LABELS.node]), state: info.State, info }))
    .filter((container) => Number.isInteger(container.node) && container.node > 0)
    .toSorted((a, b) => a.node - b.node);
}

/** One node's container. Throws LabError("notFound"), telling a wrong lab from a wrong node. */
export async function findNode(docker: Docker, lab: string, id: NodeId): Promise<NodeContainer> {
  const [container] = await listNodeContainers(docker, lab, id);
  if (container) return container;
  const [known, networks] = await Promise.all([listNodeContainers(docker, lab), listLabNetworks(docker, lab)]);
  if (known.length === 0 && networks.length === 0) throw noSuchLab(lab);
  const ids = known.map((other) => other.node);
  throw noSuchNode(lab, id, ids);
}

/** The specification that `up` was given, read from the containers alone. Null: it has none, or `lab up` didn't make it (compose). */
export async function readLabSpec(docker: Docker, lab: string): Promise<LabSpec | null> {
  const [containers, [network]] = await Promise.all([listNodeContainers(docker, lab), listLabNetworks(docker, lab)]);
  const program = readProgramLabel(network);
  if (network !== undefined && program !== null) return programSpec(lab, network, program);
  const [secrets, ...environments] = await Promise.all([
    readSecrets(docker, containers),
    ...containers.map((container) => readEnvironment(docker, container)),
  ]);
  const first = environments.findIndex((environment) => environment.DS_NODE_ID !== undefined);
  const found = environments[first];
  const container = containers[first];
  if (secrets === null || found === undefined || container === undefined) return null;
  const labels = container.info.Labels;
  const { HostConfig: host } = await docker.getContainer(container.id).inspect();
  return {
    name: lab,
    runtime: runtimeOf(labels),
    run: labels[DOCKER_LABELS.run] ?? found.DS_RUN ?? "",
    profile: labels[DOCKER_LABELS.profile] ?? found.DS_PROFILE ?? "default",
    voters: parseIds(labels[DOCKER_LABELS.voters] ?? found.DS_VOTERS),
    nodes: parseIds(labels[DOCKER_LABELS.nodes] ?? found.DS_NODES),
    ...secrets,
    limits: { memoryBytes: host.Memory ?? 0, pids: host.PidsLimit ?? 0 },
    env: sharedOf(containers.map((each, i) => ({ container: each, environment: environments[i] ?? {} }))),
  };
}

/** The program that the nodes of this network run; null: our own. */
export function readProgramLabel(network: LabNetwork | null | undefined): Program | null {
  return readProgram(network?.labels[DOCKER_LABELS.program]);
}

export function readProgram(text: string | undefined): Program | null {
  if (text === undefined) return null;
  try {
    return JSON.parse(text) as Program;
  } catch {
    return null;
  }
}

function programSpec(lab: string, { labels }: LabNetwork, program: Program): LabSpec {
  const [run, profile] = [labels[DOCKER_LABELS.run] ?? "", labels[DOCKER_LABELS.profile] ?? "default"];
  const nodes = parseIds(labels[DOCKER_LABELS.nodes]);
  return { name: lab, runtime: "docker", run, profile, voters: [], nodes, token: "", keys: "", env: {}, program };
}

function runtimeOf(labels: Readonly<Record<string, string>>): "docker" | "swarm" {
  return isOfRuntime(labels, "swarm") ? "swarm" : "docker";
}

/** Variables that addNodes sets for every node, and secrets that compose may have given; all others are the lab's own. */
const GIVEN = new Set([
  "DS_KEYS",
  "DS_CONTROL_TOKEN",
  "DS_NODE_ID",
  "DS_NODES",
  "DS_VOTERS",
  "DS_PROFILE",
  ...Object.keys(SECRET_VARIABLES),
  "DS_RUN",
  "DS_HOST",
  "DS_DATA_DIR",
  "DS_READY_FILE",
]);

async function describeLab(
  docker: Docker,
  name: string,
  containers: readonly NodeContainer[],
  network: LabNetwork | null,
): Promise<LabInfo> {
  const [first] = containers;
  const labels = { ...network?.labels, ...first?.info.Labels };
  const run = labels[DOCKER_LABELS.run] ?? null;
  const [{ one: environment, shared }, token, ends] = await Promise.all([
    readLabEnvironment(docker, containers),
    findToken(docker, name, run, containers),
    Promise.all(containers.map((container) => readEnd(docker, container))),
  ]);
  const portBase = Number(environment.DS_UNICAST_PORT_BASE ?? UNICAST_PORT_BASE);
  const program = readProgramLabel(network);
  const direct = network !== null && program === null && (await reachesBridge(network.subnet));
  return {
    name,
    runtime: runtimeOf(labels),
    run,
    profile: labels[DOCKER_LABELS.profile] ?? environment.DS_PROFILE ?? "default",
    voters: parseIds(labels[DOCKER_LABELS.voters] ?? environment.DS_VOTERS),
    token: environment.DS_CONTROL_TOKEN ?? token,
    createdAtMs: network?.createdAtMs ?? (first ? first.info.Created * 1000 : null),
    network: network?.subnet ?? null,
    env: shared,
    program,
    nodes: containers.map((container, i) => ({ ...describeNode(name, container, portBase, direct), ...ends[i] })),
  };
}

/** How a container's last process ended; the list call has only half of it, and that in words. */
type End = Pick<NodeInfo, "exitCode" | "finishedAtMs" | "oomKilled">;

const NO_END: End = { exitCode: null, finishedAtMs: null, oomKilled: false };

async function readEnd(docker: Docker, { id, state }: NodeContainer): Promise<End> {
  if (statusFrom(state) !== "exited") return NO_END;
  const found = await allow([404], docker.getContainer(id).inspect());
  if (found === undefined) return NO_END;
  const { ExitCode: exitCode, FinishedAt: finishedAt, OOMKilled: oomKilled } = found.State;
  const finishedAtMs = Date.parse(finishedAt);
  return { exitCode, finishedAtMs: Number.isNaN(finishedAtMs) ? null : finishedAtMs, oomKilled };
}

/** As the list call shows it. How its process ended isn't in there: see `readEnd`. */
export function describeNode(lab: string, container: NodeContainer, portBase: number, direct: boolean): NodeInfo {
  const { info } = container;
  const [end] = Object.values(info.NetworkSettings.Networks);
  const live = container.state === "running" || container.state === "paused";
  // An engine's list has the network of a stopped container too; of one that was cut off it has none.
  const unplugged = end === undefined || (live && end.IPAddress === "");
  const ip = info.Labels[DOCKER_LABELS.address] ?? (end?.IPAddress || end?.IPAMConfig?.IPv4Address || null);
  const port = portBase + container.node;
  const published = info.Ports.find((other) => other.PrivatePort === port && other.PublicPort && other.Type === "udp");
  const address =
    direct && ip !== null
      ? `${ip}:${port}`
      : published
        ? `${published.IP === "0.0.0.0" ? "127.0.0.1" : published.IP}:${published.PublicPort}`
        : null;
  return {
    lab,
    id: container.node,
    status: statusFrom(container.state),
    ...NO_END,
    handle: container.id.slice(0, 12),
    ip,
    control: unplugged ? null : address,
    startedAtMs: null,
    unplugged,
    ...readHealth(info.Status),
  };
}

/** An engine tells it in words only, unless each container is inspected. */
function readHealth(status: string): Pick<NodeInfo, "isHealthy"> {
  const [, word] = /\((healthy|unhealthy|health: starting)\)/.exec(status) ?? [];
  return word === undefined ? {} : { isHealthy: word === "healthy" };
}

function statusFrom(state: string): NodeStatus {
  if (state === "running" || state === "paused" || state === "created") return state;
  return state === "restarting" ? "starting" : "exited";
}

type Environment = Readonly<Record<string, string>>;

/**
 * What the nodes have in common: all variables of one, and those that the lab gave to all. One container tells both, unless it has
 * variables of its own, which hide the lab's. A container that is being removed doesn't tell any more.
 */
async function readLabEnvironment(
  docker: Docker,
  containers: readonly NodeContainer[],
): Promise<{ one: Environment; shared: Environment }> {
  const read: ReadContainer[] = [];
  for (const container of containers) {
    const environment = await readEnvironment(docker, container);
    if (Object.keys(environment).length === 0) continue;
    read.push({ container, environment });
    if (hiddenBy(read).length === 0) break;
  }
  return { one: read[0]?.environment ?? {}, shared: sharedOf(read) };
}

interface ReadContainer {
  readonly container: NodeContainer;
  readonly environment: Environment;
}

/** Names that each of these nodes has for itself: they say nothing about the lab's value. */
function hiddenBy(read: readonly ReadContainer[]): readonly string[] {
  const [first = [], ...others] = read.map(({ container }) => ownNames(container));
  return first.filter((name) => others.every((names) => names.includes(name)));
}

function sharedOf(read: readonly ReadContainer[]): Record<string, string> {
  const shared: Record<string, string> = {};
  for (const { container, environment } of read) {
    const own = ownNames(container);
    for (const [name, value] of Object.entries(environment)) {
      if (!GIVEN.has(name) && !own.includes(name)) shared[name] ??= value;
    }
  }
  return shared;
}

/** Variables that this node has for itself. */
function ownNames({ info }: NodeContainer): readonly string[] {
  return (info.Labels[DOCKER_LABELS.nodeEnv] ?? "").split(",").filter((name) => name !== "");
}

async function readEnvironment(docker: Docker, container: NodeContainer): Promise<Environment> {
  const info = await allow([404], docker.getContainer(container.id).inspect());
  const pairs = (info?.Config.Env ?? []).map((line) => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)] as const;
  });
  return Object.fromEntries(pairs.filter(([name]) => name.startsWith("DS_")));
}
