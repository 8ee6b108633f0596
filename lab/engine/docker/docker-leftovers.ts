/**
 * Finds things that belong to no living lab: parts of a lab whose `up` died half-way, throw-away containers of a probe that died, images that
 * later sources replaced.
 *
 * "Died" is judged by the maker's label (host and process id). Where that can't be told, another host made it, a minute must have
 * passed, which no healthy `up` takes between making a thing and using it.
 */
import type Docker from "dockerode";
import type { Leftover } from "../engine.ts";
import type { ImagePlan } from "./docker-image.ts";
import { DOCKER_LABELS, IMAGE_REPOSITORY, isOfRuntime, labelled, makerLives } from "./docker-labels.ts";

const SETTLED_AFTER_MS = 60_000;
/** Another checkout of the project may be about to use the image that it has just built. */
const IMAGE_SETTLED_AFTER_MS = 600_000;

/** @param plan what `up` would use now; may fail (no bundle): then every unused image is old */
export async function findLeftovers(
  docker: Docker,
  runtime: "docker" | "swarm",
  plan: () => Promise<ImagePlan>,
): Promise<readonly Leftover[]> {
  const isOurs = ({ Labels: labels }: { Labels?: Record<string, string> | undefined }) => isOfRuntime(labels, runtime);
  const [containers, probes, networks, { Volumes: volumes }, images] = await Promise.all([
    docker.listContainers({ all: true, filters: labelled(DOCKER_LABELS.lab) }),
    docker.listContainers({ all: true, filters: labelled(DOCKER_LABELS.probe) }),
    listOurNetworks(docker),
    docker.listVolumes({ filters: { label: [DOCKER_LABELS.lab] } }),
    findOldImages(docker, plan),
  ]);
  return [
    ...containers
      .filter((info) => isOurs(info) && info.State === "created" && isAbandoned(info.Labels, info.Created * 1000))
      .map((info) =>
        leftover("container", info.Id, info.Labels, "it was never started, and the command that made it is gone"),
      ),
    ...probes
      .filter((info) => isAbandoned(info.Labels, info.Created * 1000))
      .map((info) => leftover("container", info.Id, info.Labels, "a try-out that was interrupted")),
    ...networks
      .filter((network) => {
        const labels = network.Labels ?? {};
        // A swarm's networks are its manager's to remove: who uses them isn't known here.
        if (runtime === "swarm" || !isOurs(network)) return false;
        if (!isAbandoned(labels, Date.parse(network.Created))) return false;
        const lab = labels[DOCKER_LABELS.lab];
        return (
          lab === undefined ||
          !containers.some((info) => info.Labels[DOCKER_LABELS.lab] === lab && info.State !== "created")
        );
      })
      .map((network) => leftover("network", network.Id, network.Labels ?? {}, "no node uses it")),
    ...(volumes ?? [])
      .filter((volume) => {
        const { CreatedAt = "" } = volume as { CreatedAt?: string };
        const isUsed = containers.some((info) => info.Mounts.some((mount) => mount.Name === volume.Name));
        return isOurs(volume) && !isUsed && isAbandoned(volume.Labels ?? {}, Date.parse(CreatedAt));
      })
      .map((volume) => leftover("volume", volume.Name, volume.Labels ?? {}, "no node uses it")),
    ...images,
  ];
}

/** Compose's own things are compose's to remove. */
function isAbandoned(labels: Readonly<Record<string, string>>, createdAtMs: number): boolean {
  if (labels["com.docker.compose.project"] !== undefined) return false;
  const alive = makerLives(labels[DOCKER_LABELS.maker]);
  return alive === null ? Date.now() - createdAtMs > SETTLED_AFTER_MS : !alive;
}

async function listOurNetworks(docker: Docker): Promise<readonly Docker.NetworkInspectInfo[]> {
  const [labs, probes] = await Promise.all([
    docker.listNetworks({ filters: labelled(DOCKER_LABELS.lab) }),
    docker.listNetworks({ filters: labelled(DOCKER_LABELS.probe) }),
  ]);
  return [...labs, ...probes];
}

/** Node images that are neither used by a container nor what `up` would use now. */
async function findOldImages(docker: Docker, plan: () => Promise<ImagePlan>): Promise<readonly Leftover[]> {
  const [images, containers, current] = await Promise.all([
    docker.listImages({ filters: labelled([DOCKER_LABELS.image, "node"]) }),
    docker.listContainers({ all: true }),
    plan().then(
      (now) => now.tag,
      () => null,
    ),
  ]);
  const used = new Set(containers.map((info) => info.ImageID));
  const ours = new RegExp(`^${IMAGE_REPOSITORY}:[0-9a-f]{12}$`);
  const old = images.filter((image) => {
    const tags = (image.RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
    // An image with a name of its own (docker-compose.yml gives it one) is meant to stay.
    if (tags.some((tag) => tag === current || !ours.test(tag))) return false;
    return !used.has(image.Id) && Date.now() - image.Created * 1000 > IMAGE_SETTLED_AFTER_MS;
  });
  return old.flatMap((image) => {
    const tags = (image.RepoTags ?? []).filter((tag) => ours.test(tag));
    const names = tags.length > 0 ? tags : [image.Id];
    return names.map((id) => ({ kind: "image" as const, id, lab: "", why: "later sources made another one" }));
  });
}

function leftover(kind: Leftover["kind"], id: string, labels: Readonly<Record<string, string>>, why: string): Leftover {
  return { kind, id, lab: labels[DOCKER_LABELS.lab] ?? "", why };
}
