/**
 * Takes a lab down on all hosts that answer, by its labels alone: the helper, containers and volumes of each host, then the network, then the
 * placement. What lies on a host that is away can't be removed, and holds the network: the placement stays, marked as gone, and `gc` does the
 * rest when that host is back.
 */
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { removeThings } from "../docker/docker-destroy.ts";
import { DOCKER_LABELS, labelled, makerLives } from "../docker/docker-labels.ts";
import type { Leftover, Progress } from "../engine.ts";
import { stopHelper } from "./multicast-helper.ts";
import { listOverlays, removeOverlay } from "./overlay.ts";
import { type Placement, readPlacements, removePlacements, writePlacement } from "./placement.ts";
import type { HostPool } from "./swarm-hosts.ts";

export async function destroySwarmLab(pool: HostPool, lab: string, progress: Progress): Promise<readonly Leftover[]> {
  const { docker } = pool.manager;
  const [placements, services] = await Promise.all([readPlacements(docker, lab), stopHelper(docker, lab)]);
  const why = "part of the lab";
  const removed: Leftover[] = services.map((id) => ({ kind: "service", id, lab, why }));
  const byHost = await pool.ask(({ engine }) => engine.destroyLab(lab, progress));
  removed.push(...[...byHost.values()].flat());
  const answered = new Set([...byHost.keys()].map(({ name }) => name));
  const waiting = new Map(placements.map((placement) => [placement.run, nodesElsewhere(placement, answered)]));
  for (const overlay of await listOverlays(docker, lab)) {
    const run = overlay.Labels?.[DOCKER_LABELS.run] ?? "";
    const left = waiting.get(run)?.size ?? 0;
    if (await removeOverlay(docker, overlay.Id, left === 0))
      removed.push({ kind: "network", id: overlay.Id, lab, why });
    else if (left === 0) throw networkHeld(lab);
  }
  for (const placement of placements) {
    const left = waiting.get(placement.run) ?? new Map();
    if (left.size === 0) continue;
    if (!placement.isGone) {
      await writePlacement(docker, { ...placement, isGone: true });
      removed.push({ kind: "config", id: placement.run, lab, why });
    }
    for (const [host, ids] of left) {
      progress({
        step: `host ${host}`,
        state: "failed",
        detail: `it is away: node ${ids.join(", ")} of the lab stays there; when the host is back:`,
        hint: NEXT.collectGarbage(),
      });
    }
  }
  const configs = await removePlacements(docker, lab, ({ run }) => (waiting.get(run)?.size ?? 0) === 0);
  return [...removed, ...configs.map((id) => ({ kind: "config" as const, id, lab, why }))];
}

/** The nodes on hosts that didn't answer, by host. */
function nodesElsewhere({ nodes }: Placement, answered: ReadonlySet<string>): ReadonlyMap<string, readonly number[]> {
  const byHost = new Map<string, number[]>();
  for (const [id, host] of Object.entries(nodes))
    if (!answered.has(host)) byHost.set(host, [...(byHost.get(host) ?? []), Number(id)]);
  return byHost;
}

function networkHeld(lab: string): LabError {
  return new LabError("failed", `the network of lab "${lab}" is held by something that isn't the lab's`, [
    "see what: docker network inspect, on each host",
    NEXT.removeLab(lab),
  ]);
}

const LAB_AND_SWARM = labelled(DOCKER_LABELS.lab, [DOCKER_LABELS.runtime, "swarm"]);

/**
 * What belongs to no lab: the rest of labs whose `down` was ordered while a host was away, containers of runs that nobody knows, networks of
 * an `up` that died early, and what each host's own engine finds.
 */
export async function findSwarmLeftovers(pool: HostPool): Promise<readonly Leftover[]> {
  const { docker } = pool.manager;
  const [placements, overlays, services] = await Promise.all([
    readPlacements(docker),
    listOverlays(docker),
    docker.listServices({ filters: LAB_AND_SWARM as never }),
  ]);
  const living = new Set(placements.filter(({ isGone }) => !isGone).map(({ run }) => run));
  const runOf = (labels: Readonly<Record<string, string>> = {}): string => labels[DOCKER_LABELS.run] ?? "";
  const labOf = (labels: Readonly<Record<string, string>> = {}): string => labels[DOCKER_LABELS.lab] ?? "";
  const byHost = await pool.ask(async ({ engine, docker: own }) => {
    const [found, containers, { Volumes: volumes }] = await Promise.all([
      engine.leftovers(),
      own.listContainers({ all: true, filters: LAB_AND_SWARM }),
      own.listVolumes({ filters: LAB_AND_SWARM }),
    ]);
    const isOrphan = (labels: Record<string, string> = {}): boolean =>
      !living.has(runOf(labels)) && makerLives(labels[DOCKER_LABELS.maker]) !== true;
    const orphans = [
      ...containers
        .filter(({ Labels: labels }) => isOrphan(labels))
        .map(({ Id: id, Labels: labels }) => ({ kind: "container" as const, id, labels })),
      ...(volumes ?? [])
        .filter(({ Labels: labels }) => isOrphan(labels))
        .map(({ Name: id, Labels: labels }) => ({ kind: "volume" as const, id, labels })),
    ];
    return [
      ...found.filter(({ kind, id }) => kind !== "image" && !orphans.some((orphan) => orphan.id === id)),
      ...orphans.map(({ kind, id, labels }) => ({
        kind,
        id,
        lab: labOf(labels),
        why: "its lab was taken down while this host was away",
      })),
    ];
  });
  const answered = new Set([...byHost.keys()].map(({ name }) => name));
  const dead = (labels: Record<string, string> = {}): boolean => {
    if (living.has(runOf(labels)) || makerLives(labels[DOCKER_LABELS.maker]) === true) return false;
    const placement = placements.find(({ run }) => run === runOf(labels));
    return placement === undefined || nodesElsewhere(placement, answered).size === 0;
  };
  const gone = placements.filter(
    ({ isGone, nodes }) => isGone && Object.values(nodes).every((host) => answered.has(host)),
  );
  return [
    ...services
      .filter(({ Spec: spec }) => dead(spec?.Labels))
      .map(({ ID: id, Spec: spec }) => ({
        kind: "service" as const,
        id,
        lab: labOf(spec?.Labels),
        why: "its lab is gone",
      })),
    ...[...byHost.values()].flat(),
    ...overlays
      .filter(({ Labels: labels }) => dead(labels))
      .map(({ Id: id, Labels: labels }) => ({
        kind: "network" as const,
        id,
        lab: labOf(labels),
        why: "its lab is gone",
      })),
    ...gone.map(({ lab, run }) => ({ kind: "config" as const, id: run, lab, why: "its lab was taken down" })),
  ];
}

/** Removes leftovers, in the order in which they hold each other. */
export async function collectSwarmLeftovers(pool: HostPool, leftovers: readonly Leftover[]): Promise<void> {
  const { docker } = pool.manager;
  const of = (kind: Leftover["kind"]) => leftovers.filter((item) => item.kind === kind);
  for (const { lab } of of("service")) await stopHelper(docker, lab);
  const local = leftovers.filter(({ kind }) => kind === "container" || kind === "volume" || kind === "image");
  if (local.length > 0) await pool.ask(({ docker: own }) => removeThings(own, local));
  for (const { id, lab } of of("network")) if (!(await removeOverlay(docker, id, true))) throw networkHeld(lab);
  for (const { id, lab } of of("config")) await removePlacements(docker, lab, ({ run }) => run === id);
}
