/**
 * Ties nodes to their lab's network, each by the address that it keeps. Other users of the engine may have interfered: the container that took an
 * address is named, and a network that was pruned while all nodes were stopped is made again as it was.
 */
import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError, noSuchLab } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { allow, isRefusal, statusOf } from "./docker-errors.ts";
import { DOCKER_LABELS, networkName } from "./docker-labels.ts";
import { listNodeContainers, type NodeContainer, readProgram } from "./docker-labs.ts";
import { createOn, type LabNetwork, listLabNetworks } from "./docker-network.ts";

/** What the engine has to know of a node's interface. Engines from 28 take the hardware address from here; older ones derive the same. */
export function endpointOf(ip: string): Docker.EndpointSettings {
  const bytes = ip.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  return { IPAMConfig: { IPv4Address: ip }, MacAddress: ["02", "42", ...bytes].join(":") };
}

/**
 * The lab's network; made again if it is gone and nodes are left.
 * @throws LabError("notFound") without a lab; LabError("failed") when another network has the lab's addresses by now
 */
export async function networkOf(docker: Docker, lab: string): Promise<LabNetwork> {
  const [network] = await listLabNetworks(docker, lab);
  if (network !== undefined) return network;
  const remake = remakes.get(lab) ?? remakeNetwork(docker, lab).finally(() => remakes.delete(lab));
  remakes.set(lab, remake);
  return remake;
}

/** Nodes that start at the same moment need one network: the engine refuses the second before it lists the first. */
const remakes = new Map<string, Promise<LabNetwork>>();

/** Starts a node's container. It may run already. */
export async function startContainer(docker: Docker, lab: string, node: NodeId, id: string, ip: string | undefined) {
  const start = () => allow([304], docker.getContainer(id).start());
  try {
    await start().catch(async (error: unknown) => {
      if (!isRefusal(error, "networkGone")) throw error;
      const network = await networkOf(docker, lab);
      // The container remembers the former network by its id.
      await allow([403, 404, 500], docker.getNetwork(network.name).disconnect({ Container: id, Force: true }));
      await connect(docker, network, id, ip);
      await start();
    });
  } catch (error) {
    throw (await addressTaken(docker, lab, node, ip, error)) ?? error;
  }
}

/** Puts a node's cable back. @throws LabError("failed") naming the container that has its address by now */
export async function plugContainer(docker: Docker, lab: string, node: NodeContainer): Promise<void> {
  const network = await networkOf(docker, lab);
  if (Object.keys(node.info.NetworkSettings.Networks).includes(network.name)) return;
  const ip = node.info.Labels[DOCKER_LABELS.address];
  try {
    await connect(docker, network, node.id, ip);
  } catch (error) {
    throw (await addressTaken(docker, lab, node.node, ip, error)) ?? error;
  }
}

async function connect(docker: Docker, network: LabNetwork, id: string, ip: string | undefined): Promise<void> {
  try {
    const EndpointConfig = ip === undefined ? {} : endpointOf(ip);
    await docker.getNetwork(network.id).connect({ Container: id, EndpointConfig });
  } catch (error) {
    if (!isRefusal(error, "alreadyConnected")) throw error;
  }
}

async function remakeNetwork(docker: Docker, lab: string): Promise<LabNetwork> {
  const [first] = await listNodeContainers(docker, lab);
  if (first === undefined) throw noSuchLab(lab);
  const { [DOCKER_LABELS.address]: address, ...labels } = first.info.Labels;
  const subnet = address?.replace(/\d+$/, "0/24");
  if (subnet === undefined || labels["com.docker.compose.project"] !== undefined) {
    throw new LabError("failed", `the network of lab "${lab}" is gone`, "make it again: docker compose up -d");
  }
  for (const own of [DOCKER_LABELS.node, DOCKER_LABELS.nodeEnv]) delete labels[own];
  try {
    const program = readProgram(labels[DOCKER_LABELS.program]);
    const wish = { name: networkName(lab), labels, isOutside: program?.network?.outside !== false };
    await createOn(docker, wish, subnet);
  } catch (error) {
    if (statusOf(error) !== 409) throw error;
  }
  // Ours, or that of a command that was faster; none if the range is somebody else's by now.
  const [network] = await listLabNetworks(docker, lab);
  if (network !== undefined) return network;
  throw new LabError("failed", `the network of lab "${lab}" is gone, and another one has its addresses (${subnet})`, [
    "see which, and remove it: docker network ls",
    NEXT.removeLab(lab),
  ]);
}

async function addressTaken(docker: Docker, lab: string, node: NodeId, ip: string | undefined, error: unknown) {
  if (!isRefusal(error, "addressTaken") || ip === undefined) return null;
  const network = await networkOf(docker, lab);
  const info = await allow([404], docker.getNetwork(network.id).inspect());
  const holders = Object.values((info?.Containers ?? {}) as Record<string, { Name: string; IPv4Address: string }>);
  const holder = holders.find((other) => other.IPv4Address.startsWith(`${ip}/`))?.Name;
  const cure =
    holder === undefined
      ? `see what is attached: docker network inspect ${network.name}`
      : `give it no --ip, then it gets a free one, or take it off: docker network disconnect ${network.name} ${holder}`;
  const by = holder === undefined ? "another container" : `container ${holder}, which isn't a node of the lab`;
  return new LabError("failed", `node ${node} has no address: ${by}, has ${ip}`, cure, { cause: error });
}
