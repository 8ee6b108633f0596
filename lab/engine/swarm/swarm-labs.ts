/**
 * Labs as the manager and the hosts together tell them: the placement says which nodes there are and where, each host's engine how its own
 * are. Nodes of a host that is away are `unreachable`.
 */
import type Docker from "dockerode";
import { DOCKER_LABELS, parseIds } from "../docker/docker-labels.ts";
import { addressOf } from "../docker/docker-subnet.ts";
import type { LabInfo, NodeInfo } from "../engine.ts";
import { listOverlays } from "./overlay.ts";
import { type Placement, readPlacements } from "./placement.ts";
import type { HostPool, SwarmHost } from "./swarm-hosts.ts";

/** What there is of labs, before it is put together. */
export interface Parts {
  readonly placements: readonly Placement[];
  readonly overlays: readonly Docker.NetworkInspectInfo[];
  readonly hosts: readonly SwarmHost[];
  /** Of the hosts that answered. */
  readonly byHost: ReadonlyMap<SwarmHost, readonly LabInfo[]>;
}

export async function readParts(pool: HostPool, lab?: string): Promise<Parts> {
  const { docker } = pool.manager;
  const [placements, overlays, hosts, byHost] = await Promise.all([
    readPlacements(docker, lab),
    listOverlays(docker, lab),
    pool.list(),
    pool.ask(async ({ engine }) => {
      if (lab === undefined) return await engine.labs();
      const info = await engine.lab(lab);
      return info === null ? [] : [info];
    }),
  ]);
  return { placements, overlays, hosts, byHost };
}

/** Runs whose `down` was ordered while a host was away. */
export function goneRuns({ placements }: Pick<Parts, "placements">): ReadonlySet<string> {
  return new Set(placements.filter(({ isGone }) => isGone).map(({ run }) => run));
}

/** The lab of this name, from what was read; null: there is none, whatever a removed one has left on its hosts. */
export function describeSwarmLab(name: string, parts: Parts): LabInfo | null {
  const gone = goneRuns(parts);
  const placement = parts.placements.findLast(({ lab, isGone }) => lab === name && !isGone) ?? null;
  const overlay = parts.overlays.findLast(
    ({ Labels: labels = {} }) => labels[DOCKER_LABELS.lab] === name && !gone.has(labels[DOCKER_LABELS.run] ?? ""),
  );
  const labels = overlay?.Labels ?? {};
  const run = placement?.run ?? labels[DOCKER_LABELS.run];
  if (run === undefined) return null;
  const ours = [...parts.byHost].flatMap(([host, labs]) => {
    const info = labs.find((lab) => lab.name === name && lab.run === run);
    return info === undefined ? [] : [{ host, info }];
  });
  const present = ours.flatMap(({ host, info }) => info.nodes.map((node) => ({ ...node, ...whereabouts(host) })));
  const known = new Set(present.map(({ id }) => id));
  const answering = new Set([...parts.byHost.keys()].map((host) => host.name));
  const absent = Object.entries(placement?.nodes ?? {})
    .filter(([id, host]) => !known.has(Number(id)) && !answering.has(host))
    .map(([id, host]) =>
      unreachableNode(
        placement as Placement,
        Number(id),
        parts.hosts.find(({ name }) => name === host),
        host,
      ),
    );
  return {
    name,
    runtime: "swarm",
    run,
    profile: placement?.profile ?? labels[DOCKER_LABELS.profile] ?? "default",
    voters: placement?.voters ?? parseIds(labels[DOCKER_LABELS.voters]),
    token: ours.find(({ info }) => info.token !== null)?.info.token ?? null,
    createdAtMs: placement?.createdAtMs ?? (Date.parse(overlay?.Created ?? "") || null),
    network: placement?.network.subnet ?? overlay?.IPAM?.Config?.[0]?.Subnet ?? null,
    env: ours[0]?.info.env ?? {},
    nodes: [...present, ...absent].toSorted((a, b) => a.id - b.id),
  };
}

export function whereabouts(host: SwarmHost): Pick<NodeInfo, "host" | "zone"> {
  return { host: host.name, ...(host.zone !== null && { zone: host.zone }) };
}

function unreachableNode(placement: Placement, id: number, host: SwarmHost | undefined, name: string): NodeInfo {
  return {
    lab: placement.lab,
    id,
    status: "unreachable",
    exitCode: null,
    finishedAtMs: null,
    oomKilled: false,
    handle: "-",
    ip: addressOf(placement.network.subnet, id),
    control: null,
    startedAtMs: null,
    unplugged: false,
    ...(host === undefined ? { host: name } : whereabouts(host)),
  };
}
