/**
 * The network of a lab on a swarm: an attachable overlay on a free /22.
 *
 * Nodes have static addresses in the lower part; `--ip-range` gives the upper /24 to the engines, because each host's load balancer takes the
 * next free address, and would take a node's. The manager makes and removes networks a moment after it said so: both are waited for.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { allow, isRefusal, sentenceOf } from "../docker/docker-errors.ts";
import { DOCKER_LABELS, labelled, labLabels } from "../docker/docker-labels.ts";
import { rangesOf } from "../docker/docker-network.ts";
import { formatAddress, freeSubnets, hostRanges, parseRange, type Range } from "../docker/docker-subnet.ts";
import type { LabSpec } from "../engine.ts";

export interface Overlay {
  readonly id: string;
  readonly name: string;
  readonly subnet: string;
}

const SIZE = 1_024;
const ALLOCATED_WITHIN_MS = 10_000;
/** A task keeps its network for as long as the manager believes in it. */
const RELEASED_WITHIN_MS = 12_000;

/** @param taken ranges in use on other hosts */
export async function createOverlay(docker: Docker, spec: LabSpec, taken: readonly Range[]): Promise<Overlay> {
  const name = `energy-lab-${spec.run}`;
  for (const subnet of await freeRanges(docker, spec.name, taken)) {
    const first = parseRange(subnet)?.first ?? 0;
    try {
      const { id } = await docker.createNetwork({
        Name: name,
        CheckDuplicate: true,
        Driver: "overlay",
        Attachable: true,
        Labels: labLabels(spec),
        IPAM: { Driver: "default", Config: [{ Subnet: subnet, IPRange: `${formatAddress(first + SIZE - 256)}/24` }] },
        ...(spec.swarm?.encrypted === true && { Options: { encrypted: "" } }),
      });
      await untilAllocated(docker, id);
      return { id, name, subnet };
    } catch (error) {
      if (!isRefusal(error, "addressesOverlap")) throw error;
    }
  }
  throw new LabError("failed", "no free /22 was found among the private ranges for the lab's network", [
    NEXT.collectGarbage(),
    "see what else takes the ranges: docker network ls",
  ]);
}

/** The first few free /22s. */
export async function freeRanges(docker: Docker, seed: string, taken: readonly Range[]): Promise<readonly string[]> {
  const networks = (await docker.listNetworks()).flatMap(rangesOf);
  // A /22 is free when all its four /24s are.
  const free = [...freeSubnets([...networks, ...(await hostRanges()), ...taken], seed)];
  const known = new Set(free);
  return free
    .filter((subnet) => {
      const first = parseRange(subnet)?.first ?? 1;
      return first % SIZE === 0 && [1, 2, 3].every((i) => known.has(`${formatAddress(first + 256 * i)}/24`));
    })
    .slice(0, 64)
    .map((subnet) => subnet.replace("/24", "/22"));
}

export async function listOverlays(docker: Docker, lab?: string): Promise<readonly Docker.NetworkInspectInfo[]> {
  const filters = labelled(lab === undefined ? DOCKER_LABELS.lab : ([DOCKER_LABELS.lab, lab] as const), [
    DOCKER_LABELS.runtime,
    "swarm",
  ]);
  return await docker.listNetworks({ filters });
}

/**
 * @param isPatient whether to wait until the engines have let go of it
 * @returns whether it is gone
 */
export async function removeOverlay(docker: Docker, id: string, isPatient: boolean): Promise<boolean> {
  const deadlineMs = performance.now() + (isPatient ? RELEASED_WITHIN_MS : 0);
  for (;;) {
    try {
      await allow([404], docker.getNetwork(id).remove());
      break;
    } catch (error) {
      if (!/in use by|active endpoints/i.test(sentenceOf(error))) throw error;
      if (performance.now() > deadlineMs) return false;
    }
    await sleep(100);
  }
  // It is still listed for a moment.
  while ((await allow([404], docker.getNetwork(id).inspect())) !== undefined) {
    if (performance.now() > deadlineMs + RELEASED_WITHIN_MS) return false;
    await sleep(50);
  }
  return true;
}

async function untilAllocated(docker: Docker, id: string): Promise<void> {
  const deadlineMs = performance.now() + ALLOCATED_WITHIN_MS;
  for (;;) {
    const network = await docker.getNetwork(id).inspect();
    if ((network.IPAM?.Config ?? []).some(({ Subnet: subnet }) => subnet)) return;
    if (performance.now() > deadlineMs)
      throw new LabError("timeout", "the swarm doesn't allocate the lab's network", NEXT.listHosts());
    await sleep(50);
  }
}
