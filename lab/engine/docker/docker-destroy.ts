/**
 * Takes a lab down by its labels alone: containers at once and by force, then the network; looked for again until nothing is left,
 * because a CLI that died half-way may still have a request in the engine's queue.
 */
import type Docker from "dockerode";
import { LabError } from "../../base/lab-error.ts";
import type { Leftover, Progress } from "../engine.ts";
import { allow } from "./docker-errors.ts";
import { DOCKER_LABELS, isOfRuntime, labelled } from "./docker-labels.ts";
import { listLabNetworks, removeNetwork } from "./docker-network.ts";
import { removeContainer } from "./docker-nodes.ts";

const ROUNDS_MAX = 5;

/** Everything that carries the lab's label. */
export async function listLabThings(
  docker: Docker,
  lab: string,
  runtime: "docker" | "swarm" = "docker",
): Promise<readonly Leftover[]> {
  const filters = labelled([DOCKER_LABELS.lab, lab]);
  const [containers, networks, volumes] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    listLabNetworks(docker, lab),
    docker.listVolumes({ filters: { label: filters.label } }),
  ]);
  const why = "part of the lab";
  const isOurs = ({ Labels: labels }: { Labels?: Record<string, string> }) => isOfRuntime(labels, runtime);
  return [
    ...containers.filter(isOurs).map((container) => ({ kind: "container" as const, id: container.Id, lab, why })),
    // A swarm's networks are its manager's to remove.
    ...networks
      .filter(({ labels }) => runtime === "docker" && isOfRuntime(labels, runtime))
      .map((network) => ({ kind: "network" as const, id: network.id, lab, why })),
    ...(volumes.Volumes ?? []).filter(isOurs).map((volume) => ({ kind: "volume" as const, id: volume.Name, lab, why })),
  ];
}

export async function destroy(
  docker: Docker,
  runtime: "docker" | "swarm",
  lab: string,
  progress: Progress,
): Promise<readonly Leftover[]> {
  const removed: Leftover[] = [];
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const things = await listLabThings(docker, lab, runtime);
    if (things.length === 0) return removed;
    if (round > 0) progress({ step: "remove", state: "info", detail: `${things.length} more` });
    removed.push(...(await removeThings(docker, things)));
  }
  throw new LabError(
    "failed",
    `lab "${lab}" gets new parts as fast as they are removed`,
    "is another `up` of that name running? Stop it first",
  );
}

/** Containers before networks and volumes, which they hold. Resolves to what was there and is gone now. */
export async function removeThings(docker: Docker, things: readonly Leftover[]): Promise<readonly Leftover[]> {
  const removed: Leftover[] = [];
  const each = (kinds: readonly Leftover["kind"][], remove: (id: string) => Promise<boolean>) =>
    Promise.all(
      things
        .filter((thing) => kinds.includes(thing.kind))
        .map(async (thing) => {
          if (await remove(thing.id)) removed.push(thing);
        }),
    );
  await each(["container"], (id) => removeContainer(docker, id));
  await each(["network"], (id) => removeNetwork(docker, id));
  await each(
    ["volume"],
    async (id) => (await allow([404], docker.getVolume(id).remove({ force: true }))) !== undefined,
  );
  await each(["image"], async (id) => (await allow([404, 409], docker.getImage(id).remove())) !== undefined);
  return removed;
}
