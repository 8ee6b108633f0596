/**
 * The network of a lab: a plain user-defined bridge, because that floods multicast to all its ports (`--internal` and a bridge
 * without inter-container traffic drop it), with an explicit /24, because only then containers can have static addresses.
 */
import type Docker from "dockerode";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { allow, isRefusal, statusOf } from "./docker-errors.ts";
import { DOCKER_LABELS, labelled } from "./docker-labels.ts";
import { freeSubnets, hostRanges, parseRange, type Range, splitSubnet } from "./docker-subnet.ts";

export interface LabNetwork {
  readonly id: string;
  readonly name: string;
  readonly subnet: string;
  readonly lab: string;
  readonly createdAtMs: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** The networks that carry this label (of this lab, or of any). */
export async function listLabNetworks(docker: Docker, lab?: string): Promise<readonly LabNetwork[]> {
  const wanted = lab === undefined ? DOCKER_LABELS.lab : ([DOCKER_LABELS.lab, lab] as const);
  const found = await docker.listNetworks({ filters: labelled(wanted) });
  return found.map(toLabNetwork).toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
}

interface NetworkWish {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** False: nothing that its nodes send elsewhere finds its way back. */
  readonly isOutside?: boolean;
}

/** Creates a bridge on a free /24. Two at the same moment may try the same range: the engine refuses one, which tries the next. */
export async function createBridge(
  docker: Docker,
  options: NetworkWish & { seed: string },
): Promise<{ id: string; name: string; subnet: string }> {
  const [networks, host] = await Promise.all([docker.listNetworks(), hostRanges()]);
  const taken = [...networks.flatMap(rangesOf), ...host];
  let tries = 0;
  for (const subnet of freeSubnets(taken, options.seed)) {
    if (++tries > 64) break;
    const network = await createOn(docker, options, subnet);
    if (network !== null) return { id: network.id, name: options.name, subnet };
  }
  throw new LabError("failed", "no free /24 was found among the private ranges for the lab's network", [
    NEXT.collectGarbage(),
    "see what else takes the ranges: docker network ls",
  ]);
}

/** Null: the engine refuses this range, because it overlaps with another network's. */
export async function createOn(docker: Docker, options: NetworkWish, subnet: string): Promise<Docker.Network | null> {
  try {
    return await docker.createNetwork({
      Name: options.name,
      CheckDuplicate: true,
      Driver: "bridge",
      EnableIPv6: false,
      ...(options.isOutside === false && { Options: { "com.docker.network.bridge.enable_ip_masquerade": "false" } }),
      Labels: { ...options.labels },
      IPAM: { Driver: "default", Config: [{ Subnet: subnet, ...splitSubnet(subnet) }] },
    });
  } catch (error) {
    if (isRefusal(error, "addressesOverlap")) return null;
    throw error;
  }
}

/**
 * Removes a network whose containers are gone or going: their endpoints linger for a moment, foreign containers that somebody
 * attached are cut off. True when it was there.
 */
export async function removeNetwork(docker: Docker, id: string): Promise<boolean> {
  const network = docker.getNetwork(id);
  const deadlineMs = Date.now() + 10_000;
  for (let waitMs = 10; ; waitMs = Math.min(waitMs * 2, 300)) {
    try {
      await network.remove();
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return false;
      if (!isRefusal(error, "hasEndpoints") || Date.now() > deadlineMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (waitMs >= 40) await dropEndpoints(docker, id);
  }
}

async function dropEndpoints(docker: Docker, id: string): Promise<void> {
  const network = docker.getNetwork(id);
  const info = await allow([404], network.inspect());
  const ends = Object.entries(info?.Containers ?? {});
  await Promise.all(
    ends.map(([container, end]) =>
      // An endpoint without a container (`ep-…`) goes by its name.
      allow(
        [403, 404, 409, 500],
        network.disconnect({ Container: container.startsWith("ep-") ? end.Name : container, Force: true }),
      ),
    ),
  );
}

/** Ranges that the engine gave to a network. */
export function rangesOf(network: Docker.NetworkInspectInfo): readonly Range[] {
  return (network.IPAM?.Config ?? [])
    .map((config) => (config.Subnet ? parseRange(config.Subnet) : null))
    .filter((range) => range !== null);
}

function toLabNetwork(network: Docker.NetworkInspectInfo): LabNetwork {
  return {
    id: network.Id,
    name: network.Name,
    subnet: network.IPAM?.Config?.[0]?.Subnet ?? "",
    lab: network.Labels?.[DOCKER_LABELS.lab] ?? "",
    createdAtMs: Date.parse(network.Created) || 0,
    labels: network.Labels ?? {},
  };
}
