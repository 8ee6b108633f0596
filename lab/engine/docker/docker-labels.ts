/**
 * The record that a lab exists: names and labels of everything the docker engine makes. Idea: no state file; a label says what a
 * thing is, whose it is and who made it, so any later CLI can list it, take it down or see that its maker died.
 */
import { hostname } from "node:os";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LABELS, type LabSpec, type NodeSpec } from "../engine.ts";

/** Further labels of this adapter alone. */
export const DOCKER_LABELS = {
  ...LABELS,
  runtime: "energy-lab.runtime",
  /** The node's static address: an unplugged container has lost it everywhere else. docker-compose.yml sets it too. */
  address: "energy-lab.address",
  /** `host:pid` of the CLI that made it. */
  maker: "energy-lab.maker",
  /** Names of the variables that this node has for itself, so that the lab's own can be read back. */
  nodeEnv: "energy-lab.node-env",
  /** On a lab's network and nodes: the program that its nodes run (JSON). */
  program: "energy-lab.program",
  /** On a helper: the node whose network it shares. */
  helper: "energy-lab.helper",
  /** On images: `node`, or `program`. */
  image: "energy-lab.image",
  /** On throw-away containers and networks: what they try out. Never part of a lab. */
  probe: "energy-lab.probe",
} as const;

/** Repository of the images that `prepare` builds; the tag is a content hash of 12 hex digits. */
export const IMAGE_REPOSITORY = "energy-lab-node";

export function networkName(lab: string): string {
  return `energy-lab-${lab}`;
}

export function containerName(lab: string, id: NodeId): string {
  return `${lab}-node-${id}`;
}

export function maker(): string {
  return `${hostname()}:${process.pid}`;
}

/** Whether the CLI that made it still runs; unknown (another host, no label) counts as "can't say": null. */
export function makerLives(label: string | undefined): boolean | null {
  const [host, pid] = label?.split(":") ?? [];
  if (host !== hostname() || !pid) return null;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export function labLabels(spec: LabSpec): Record<string, string> {
  return {
    [DOCKER_LABELS.lab]: spec.name,
    [DOCKER_LABELS.runtime]: spec.runtime,
    [DOCKER_LABELS.run]: spec.run,
    [DOCKER_LABELS.profile]: spec.profile,
    [DOCKER_LABELS.voters]: spec.voters.join(","),
    [DOCKER_LABELS.nodes]: spec.nodes.join(","),
    [DOCKER_LABELS.maker]: maker(),
  };
}

/** The network knows what the nodes run: it is there before them, and outlives each. */
export function networkLabels(spec: LabSpec): Record<string, string> {
  const { program = null } = spec;
  return { ...labLabels(spec), ...(program !== null && { [DOCKER_LABELS.program]: JSON.stringify(program) }) };
}

/** Whether a thing with these labels belongs to this runtime: compose's things have no runtime, and are Docker's. */
export function isOfRuntime(
  labels: Readonly<Record<string, string>> | undefined,
  runtime: "docker" | "swarm",
): boolean {
  return (labels?.[DOCKER_LABELS.runtime] === "swarm") === (runtime === "swarm");
}

export function nodeLabels(spec: LabSpec, node: NodeSpec, address: string): Record<string, string> {
  return {
    // The program as well: a network that was pruned is made again by what the nodes say.
    ...networkLabels(spec),
    [DOCKER_LABELS.node]: String(node.id),
    [DOCKER_LABELS.address]: address,
    [DOCKER_LABELS.nodeEnv]: Object.keys(node.env).join(","),
  };
}

/** Filter in the engine's form: all of these labels. */
export function labelled(...labels: readonly (string | readonly [name: string, value: string])[]): { label: string[] } {
  return { label: labels.map((label) => (typeof label === "string" ? label : `${label[0]}=${label[1]}`)) };
}

export function parseIds(text: string | undefined): readonly NodeId[] {
  return (text ?? "")
    .split(",")
    .map(Number)
    .filter((id) => Number.isInteger(id) && id > 0);
}
