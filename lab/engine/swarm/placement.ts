/**
 * Which host each node of a lab is on, remembered in a Swarm config object: when a host dies, its containers can't tell any more.
 *
 * Config objects are immutable. So each change writes the next version under a name of its own, and removes the older ones; the newest
 * wins. No secret is in it: each client of a manager can read it.
 */
import type Docker from "dockerode";
import * as z from "zod";
import { NodeId } from "../../../node/wire/ids.ts";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { allow } from "../docker/docker-errors.ts";
import { DOCKER_LABELS, labelled, maker } from "../docker/docker-labels.ts";

const Placement = z.object({
  version: z.int().positive(),
  lab: z.string(),
  run: z.string(),
  profile: z.string(),
  voters: z.array(NodeId),
  createdAtMs: z.number(),
  network: z.object({ id: z.string(), name: z.string(), subnet: z.string() }),
  wishes: z.object({
    hosts: z.array(z.string()).nullable(),
    multicast: z.enum(["helper", "unicast"]),
    encrypted: z.boolean(),
  }),
  /** Host of each node, by name. */
  nodes: z.record(z.string().regex(/^\d+$/), z.string()),
  /** `down` was ordered, and these hosts were away: their containers are garbage. */
  isGone: z.boolean(),
});
export type Placement = z.output<typeof Placement>;

/** The newest placement of each lab, or of one; labs that are gone too. */
export async function readPlacements(docker: Docker, lab?: string): Promise<readonly Placement[]> {
  const filters = labelled(lab === undefined ? DOCKER_LABELS.lab : ([DOCKER_LABELS.lab, lab] as const));
  const configs = (await docker.listConfigs({ filters })) as unknown as { Spec: { Data: string } }[];
  const newest = new Map<string, Placement>();
  for (const { Spec: spec } of configs) {
    const placement = parse(spec.Data);
    if (placement === null) continue;
    const known = newest.get(placement.run);
    if (known === undefined || known.version < placement.version) newest.set(placement.run, placement);
  }
  return [...newest.values()].toSorted((a, b) => a.createdAtMs - b.createdAtMs);
}

/** Writes the version after `placement`'s, and removes the older ones. @throws LabError("failed") when somebody else was faster */
export async function writePlacement(docker: Docker, placement: Placement): Promise<Placement> {
  const next = { ...placement, version: placement.version + 1 };
  const made = await allow(
    [409],
    docker.createConfig({
      Name: `energy-lab-${next.run}-${next.version}`,
      Labels: {
        [DOCKER_LABELS.lab]: next.lab,
        [DOCKER_LABELS.runtime]: "swarm",
        [DOCKER_LABELS.run]: next.run,
        [DOCKER_LABELS.maker]: maker(),
      },
      Data: Buffer.from(JSON.stringify(next)).toString("base64"),
    } as never),
  );
  if (made === undefined) {
    throw new LabError("failed", `another command is changing lab "${next.lab}"`, [
      "repeat the command",
      NEXT.listLabs(),
    ]);
  }
  await removePlacements(docker, next.lab, (other) => other.run === next.run && other.version < next.version);
  return next;
}

/** @returns the ids of what was removed */
export async function removePlacements(
  docker: Docker,
  lab: string,
  which: (placement: Placement) => boolean,
): Promise<readonly string[]> {
  const configs = await docker.listConfigs({ filters: labelled([DOCKER_LABELS.lab, lab]) });
  const old = (configs as unknown as { ID: string; Spec: { Data: string } }[]).filter(({ Spec: spec }) => {
    const placement = parse(spec.Data);
    return placement === null || which(placement);
  });
  await Promise.all(old.map(({ ID: id }) => allow([404], docker.getConfig(id).remove())));
  return old.map(({ ID: id }) => id);
}

function parse(data: string): Placement | null {
  try {
    return Placement.parse(JSON.parse(Buffer.from(data, "base64").toString()));
  } catch {
    return null;
  }
}

/** How much a host can carry. */
export interface Room {
  readonly name: string;
  readonly cpus: number;
}

/**
 * Puts each new node on the host that has the fewest of the lab's nodes a CPU; ties go to the host that is named first.
 * @param placed the hosts of the nodes that are there, by name
 * @throws LabError("failed") without a host
 */
export function place(
  ids: readonly NodeId[],
  rooms: readonly Room[],
  placed: readonly string[],
): ReadonlyMap<NodeId, string> {
  const count = new Map(rooms.map(({ name }) => [name, placed.filter((host) => host === name).length]));
  const fullness = ({ name, cpus }: Room) => (count.get(name) ?? 0) / cpus;
  return new Map(
    ids.map((id) => {
      const [best] = rooms.toSorted((a, b) => fullness(a) - fullness(b));
      if (best === undefined)
        throw new LabError(
          "failed",
          "no host of the swarm can take nodes: none is active and answers",
          NEXT.listHosts(),
        );
      count.set(best.name, (count.get(best.name) ?? 0) + 1);
      return [id, best.name];
    }),
  );
}
