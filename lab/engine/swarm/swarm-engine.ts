/**
 * Nodes as containers on the hosts of a Docker Swarm: the Engine interface over a manager and one Docker engine a host.
 *
 * Swarm does what it is good at: membership, the overlay network, the helper that carries multicast, small config objects. Each host's
 * own engine does everything about a container. Nodes are plain containers and no service's replicas: a service replaces its container, and
 * with it the disk, and knows no pause and no static address.
 */
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError, noSuchLab, noSuchNode } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { REAL_WORLD } from "../../control/real-world.ts";
import { connectDocker } from "../docker/docker-connect.ts";
import { labExists } from "../docker/docker-create.ts";
import type { DockerEngine } from "../docker/docker-engine.ts";
import { explain } from "../docker/docker-errors.ts";
import { planImage } from "../docker/docker-image.ts";
import { listNodeContainers } from "../docker/docker-labs.ts";
import { rangesOf } from "../docker/docker-network.ts";
import { whileAnswering } from "../docker/docker-pulse.ts";
import { addressOf } from "../docker/docker-subnet.ts";
import type {
  Engine,
  ExecResult,
  Finding,
  HostInfo,
  KernelFaults,
  LabInfo,
  LabSpec,
  Leftover,
  LogLine,
  LogOptions,
  NodeInfo,
  NodeSpec,
  Progress,
  SwarmWishes,
} from "../engine.ts";
import { cancelHelpers, startResumer } from "../helpers.ts";
import { collectSwarmLeftovers, destroySwarmLab, findSwarmLeftovers } from "./destroy-lab.ts";
import { describeHosts } from "./host-rows.ts";
import { interleave } from "./interleave.ts";
import { startHelper } from "./multicast-helper.ts";
import { createOverlay, type Overlay } from "./overlay.ts";
import { hostsWithoutIpsec } from "./overlay-probe.ts";
import { type Placement, place, readPlacements, writePlacement } from "./placement.ts";
import { hostsWithout, pullEverywhere, spreadImage } from "./spread-image.ts";
import { chooseHosts, HostPool, hostIsAway, type SwarmHost } from "./swarm-hosts.ts";
import { describeSwarmLab, goneRuns, readParts, whereabouts } from "./swarm-labs.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_WISHES: SwarmWishes = { hosts: null, multicast: "helper", encrypted: false };

export class SwarmEngine implements Engine {
  readonly world = REAL_WORLD;
  readonly name = "swarm";
  readonly pool: HostPool;
  readonly #environment: Environment;
  /** Networks that this instance made: `up` needn't look for its own. */
  readonly #overlays = new Map<string, Overlay>();
  /** `lab/id` -> name of the host, as the last look showed it. */
  readonly #homes = new Map<string, string>();
  /** Changes of placements follow each other. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(pool: HostPool, environment: Environment) {
    this.pool = pool;
    this.#environment = environment;
  }

  /** The manager is DOCKER_HOST's or the current context's engine; the first request reaches it. */
  static async open(environment: Environment = process.env): Promise<SwarmEngine> {
    return new SwarmEngine(new HostPool(await connectDocker(environment), environment), environment);
  }

  check(): Promise<{ detail: string; facts: Readonly<Record<string, unknown>> }> {
    return this.#do("ask the swarm for its hosts", async () => {
      const { here, away } = await this.pool.reach();
      const names = (hosts: readonly SwarmHost[]): string => hosts.map(({ name }) => name).join(", ");
      if (here.length === 0) {
        const hints = [NEXT.listHosts(), NEXT.runDoctor()];
        throw new LabError("engineUnreachable", `none of the swarm's hosts answers: ${names(away)}`, hints);
      }
      const missing = away.length === 0 ? "" : `; away: ${names(away)}`;
      const detail = `Docker Swarm of ${here.length + away.length} hosts (${names(here)}${missing})`;
      return { detail, facts: { hosts: here.map(({ name }) => name), away: away.map(({ name }) => name) } };
    });
  }

  prepare(progress: Progress, signal: AbortSignal): Promise<void> {
    return this.#do("bring the node image to all hosts", async () => {
      const { tag, files } = await planImage(progress, this.#environment);
      const hosts = await this.pool.ask((reached) => Promise.resolve(reached));
      let missing = await hostsWithout(tag, hosts);
      if (missing.length === 0) return;
      const pick = (wanted: readonly SwarmHost[]) => new Map([...hosts].filter(([host]) => wanted.includes(host)));
      if (missing.length === hosts.size) {
        if (files.length === 0) return await pullEverywhere(tag, hosts, progress);
        const builder = [...hosts.keys()].find(({ isManager }) => isManager) ?? missing[0];
        await hosts.get(builder as SwarmHost)?.engine.prepare(progress, signal);
        missing = missing.filter((host) => host !== builder);
      }
      const source = [...hosts].find(([host]) => !missing.includes(host))?.[1];
      if (source !== undefined) await spreadImage(tag, source.docker, pick(missing), progress, signal);
    });
  }

  labs(): Promise<readonly LabInfo[]> {
    return this.#do("list the labs", async () => {
      const parts = await readParts(this.pool);
      const names = new Set([
        ...parts.placements.map(({ lab }) => lab),
        ...parts.overlays.map(({ Labels: l }) => l?.["energy-lab.lab"] ?? ""),
      ]);
      return [...names].toSorted().flatMap((name) => describeSwarmLab(name, parts) ?? []);
    });
  }

  lab(name: string): Promise<LabInfo | null> {
    return this.#do(`look up lab "${name}"`, async () => {
      const info = describeSwarmLab(name, await readParts(this.pool, name));
      for (const node of info?.nodes ?? []) this.#homes.set(`${name}/${node.id}`, node.host ?? "");
      return info;
    });
  }

  createLab(spec: LabSpec, progress: Progress, signal: AbortSignal): Promise<void> {
    return this.#do(`create the network of lab "${spec.name}"`, async () => {
      const [parts, containers, ranges] = await Promise.all([
        readParts(this.pool, spec.name),
        this.pool.ask(({ docker }) => listNodeContainers(docker, spec.name)),
        this.pool.ask(async ({ docker }) => (await docker.listNetworks()).flatMap(rangesOf)),
      ]);
      const gone = goneRuns(parts);
      const foreign = [...containers.values()]
        .flat()
        .some(({ info }) => !gone.has(info.Labels["energy-lab.run"] ?? ""));
      if (foreign || describeSwarmLab(spec.name, parts) !== null) throw labExists(spec.name);
      const rooms = await this.#rooms(wishesOf(spec));
      if (wishesOf(spec).encrypted) await this.#assertEncryption(rooms);
      signal.throwIfAborted();
      progress({ step: "network", state: "start" });
      const overlay = await createOverlay(this.pool.manager.docker, spec, [...ranges.values()].flat());
      this.#overlays.set(spec.name, overlay);
      progress({ step: "network", state: "done", detail: `${overlay.subnet} over ${parts.byHost.size} hosts` });
    });
  }

  addNodes(
    spec: LabSpec,
    nodes: readonly NodeSpec[],
    progress: Progress,
    signal: AbortSignal,
  ): Promise<readonly NodeInfo[]> {
    return this.#do(`start the nodes of lab "${spec.name}"`, async () => {
      const before = await this.#placementFor(spec);
      const wishes = before.wishes;
      const rooms = await this.#rooms(wishes);
      const homes = place(
        nodes.map(({ id }) => id),
        rooms,
        Object.values(before.nodes),
      );
      const placed = Object.fromEntries([...homes].map(([id, host]) => [String(id), host]));
      // Written down first: whatever becomes of this process, `down` knows where to look.
      await this.#write(spec.name, (now) => ({ ...(now ?? before), nodes: { ...now?.nodes, ...placed } }));
      for (const [id, host] of homes) this.#homes.set(`${spec.name}/${id}`, host);
      signal.throwIfAborted();
      if (wishes.multicast === "helper") await this.#ensureHelper(spec, before.network, progress);
      const given = wishes.multicast === "unicast" ? nodes.map((node) => withPeers(node, spec, before.network)) : nodes;
      const groups = rooms
        .map((host) => ({ host, group: given.filter(({ id }) => homes.get(id) === host.name) }))
        .filter(({ group }) => group.length > 0);
      const results = await Promise.allSettled(
        groups.map(async ({ host, group }) => {
          const { engine } = await this.pool.engineOf(host);
          const old = await engine.lab(spec.name);
          // A lab that was taken down while this host was away.
          if (old !== null && old.run !== spec.run) await engine.destroyLab(spec.name, () => {});
          engine.useNetwork(spec.name, before.network);
          const made = await engine.addNodes(spec, group, progress, signal);
          return made.map((node) => ({ ...node, ...whereabouts(host) }));
        }),
      );
      const failed = results.find((result) => result.status === "rejected");
      const made = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
      if (failed === undefined) return made.toSorted((a, b) => a.id - b.id);
      await Promise.allSettled(made.map(({ id }) => this.remove(spec.name, id)));
      throw failed.reason;
    });
  }

  /** Where nodes would be put. @throws LabError as `addNodes` does */
  plannedHosts(spec: LabSpec, ids: readonly NodeId[]): Promise<ReadonlyMap<NodeId, string>> {
    return this.#do("plan where the nodes go", async () => place(ids, await this.#rooms(wishesOf(spec)), []));
  }

  hosts(): Promise<readonly HostInfo[]> {
    return this.#do("ask the swarm for its hosts", () => describeHosts(this.pool));
  }

  readSpec(name: string): Promise<LabSpec | null> {
    return this.#do(`read how lab "${name}" was made`, async () => {
      const [specs, placement] = await Promise.all([
        this.pool.ask(({ engine }) => engine.readSpec(name)),
        this.#placement(name),
      ]);
      const found = [...specs.values()].find(
        (spec) => spec !== null && (placement === null || spec.run === placement.run),
      );
      return found == null ? null : { ...found, ...(placement !== null && { swarm: placement.wishes }) };
    });
  }

  writeKeys(lab: string, keys: string): Promise<void> {
    return this.#do(`write the keys of lab "${lab}"`, async () => {
      const placement = await this.#placement(lab);
      if (placement === null) throw noSuchLab(lab);
      const names = [...new Set(Object.values(placement.nodes))];
      // All of them or none: a host that is left out would cut its nodes off.
      const engines = await Promise.all(names.map((name) => this.#engineOn(name)));
      await Promise.all(engines.map((engine) => engine.writeKeys(lab, keys)));
    });
  }

  async start(lab: string, id: NodeId): Promise<void> {
    await (await this.#home(lab, id)).start(lab, id);
  }

  async stop(lab: string, id: NodeId, graceMs: number): Promise<void> {
    await (await this.#home(lab, id)).stop(lab, id, graceMs);
  }

  async kill(lab: string, id: NodeId, signal: string): Promise<void> {
    await (await this.#home(lab, id)).kill(lab, id, signal);
  }

  async pause(lab: string, id: NodeId): Promise<void> {
    await (await this.#home(lab, id)).pause(lab, id);
  }

  async resume(lab: string, id: NodeId): Promise<void> {
    await (await this.#home(lab, id)).resume(lab, id);
  }

  resumeAt(lab: string, id: NodeId, untilMs: number | null): Promise<void> {
    return untilMs === null ? cancelHelpers(lab, id) : startResumer(lab, this.name, id, untilMs);
  }

  async wipe(lab: string, id: NodeId): Promise<void> {
    await (await this.#home(lab, id)).wipe(lab, id);
  }

  async saveDisk(lab: string, id: NodeId): Promise<Uint8Array> {
    return await (await this.#home(lab, id)).saveDisk(lab, id);
  }

  async restoreDisk(lab: string, id: NodeId, image: Uint8Array): Promise<void> {
    await (await this.#home(lab, id)).restoreDisk(lab, id, image);
  }

  async remove(lab: string, id: NodeId): Promise<void> {
    await (await this.#home(lab, id)).remove(lab, id);
    await this.#write(lab, (now) => {
      const { [String(id)]: _gone, ...nodes } = now?.nodes ?? {};
      return now === null ? null : { ...now, nodes };
    });
    this.#homes.delete(`${lab}/${id}`);
  }

  async unplug(lab: string, id: NodeId): Promise<void> {
    await (await this.#home(lab, id)).unplug(lab, id);
  }

  async plug(lab: string, id: NodeId): Promise<void> {
    await (await this.#home(lab, id)).plug(lab, id);
  }

  destroyLab(name: string, progress: Progress): Promise<readonly Leftover[]> {
    this.#overlays.delete(name);
    return this.#do(`take lab "${name}" down`, () => destroySwarmLab(this.pool, name, progress));
  }

  async *logs(lab: string, nodes: readonly NodeId[], options: LogOptions): AsyncGenerator<LogLine> {
    const info = await this.lab(lab);
    if (info === null) throw noSuchLab(lab);
    const byHost = new Map<string, NodeId[]>();
    for (const { id, host = "", status } of info.nodes) {
      if (status !== "unreachable" && nodes.includes(id)) byHost.set(host, [...(byHost.get(host) ?? []), id]);
    }
    const sources = [...byHost].map(async ([host, ids]) => (await this.#engineOn(host)).logs(lab, ids, options));
    yield* interleave(await Promise.all(sources));
  }

  async controlExec(lab: string, id: NodeId, requestJson: string, timeoutMs: number): Promise<string> {
    return await (await this.#home(lab, id)).controlExec(lab, id, requestJson, timeoutMs);
  }

  async rootExec(
    lab: string,
    id: NodeId,
    script: string,
    options: { detach?: boolean; stdin?: string } = {},
  ): Promise<ExecResult> {
    return await (await this.#home(lab, id)).rootExec(lab, id, script, options);
  }

  /** What all hosts can. */
  kernelFaults(progress: Progress): Promise<KernelFaults> {
    return this.#do("try the kernels' fault tools", async () => {
      const all = [...(await this.pool.ask(({ engine }) => engine.kernelFaults(progress))).values()];
      const every = (tool: keyof KernelFaults): boolean => all.length > 0 && all.every((one) => one[tool]);
      return { nft: every("nft"), netem: every("netem"), htb: every("htb"), ifb: every("ifb") };
    });
  }

  async *events(lab: string, signal: AbortSignal): ReturnType<Engine["events"]> {
    const sources = await this.pool.ask(({ engine }) => Promise.resolve(engine.events(lab, signal)));
    yield* interleave([...sources.values()]);
  }

  leftovers(): Promise<readonly Leftover[]> {
    return this.#do("look for leftovers", () => findSwarmLeftovers(this.pool));
  }

  collect(leftovers: readonly Leftover[]): Promise<void> {
    return this.#do("remove leftovers", () => collectSwarmLeftovers(this.pool, leftovers));
  }

  async doctor(): Promise<readonly Finding[]> {
    const [{ examineSwarm }, { tag }] = await Promise.all([
      import("./swarm-doctor.ts"),
      planImage(() => {}, this.#environment),
    ]);
    return await examineSwarm(this.pool, tag);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool[Symbol.asyncDispose]();
  }

  /** The newest placement of a lab that isn't gone. */
  async #placement(lab: string): Promise<Placement | null> {
    return (await readPlacements(this.pool.manager.docker, lab)).findLast(({ isGone }) => !isGone) ?? null;
  }

  /** The lab's placement; of a lab that is just being made, an empty one. */
  async #placementFor(spec: LabSpec): Promise<Placement> {
    const found = await this.#placement(spec.name);
    if (found !== null) return found;
    const network = this.#overlays.get(spec.name);
    if (network === undefined) throw noSuchLab(spec.name);
    const { name: lab, run, profile } = spec;
    const wishes = { ...wishesOf(spec), hosts: wishesOf(spec).hosts?.slice() ?? null };
    const voters = [...spec.voters];
    return {
      version: 0,
      lab,
      run,
      profile,
      voters,
      createdAtMs: Date.now(),
      network,
      wishes,
      nodes: {},
      isGone: false,
    };
  }

  async #write(lab: string, change: (now: Placement | null) => Placement | null): Promise<void> {
    const work = this.#writing.then(async () => {
      const next = change(await this.#placement(lab));
      if (next !== null) await writePlacement(this.pool.manager.docker, next);
    });
    this.#writing = work.catch(() => {});
    await work;
  }

  /** The hosts that nodes may be put on. @throws LabError("usage") for a host that isn't there; LabError("failed") for one that is away */
  async #rooms({ hosts: wanted }: Pick<SwarmWishes, "hosts">): Promise<readonly SwarmHost[]> {
    const { here, away } = await this.pool.reach();
    const all = [...here, ...away].map(({ name }) => name).toSorted();
    if (wanted === null) return here.filter(({ isActive }) => isActive);
    const chosen = chooseHosts(wanted, [...here, ...away]);
    for (const name of chosen) {
      if (!all.includes(name))
        throw new LabError("usage", `the swarm has no host "${name}" (it has ${all.join(", ")})`, NEXT.listHosts());
      const missing = away.find((host) => host.name === name);
      if (missing !== undefined) throw hostIsAway(name, await this.pool.awayness(missing));
    }
    return here.filter(({ name }) => chosen.includes(name));
  }

  /** A host without IPsec drops what the others send: the lab would never agree. @throws LabError("unsupported") */
  async #assertEncryption(rooms: readonly SwarmHost[]): Promise<void> {
    const { tag } = await planImage(() => {}, this.#environment);
    const engines = new Map(
      await Promise.all(rooms.map(async (host) => [host, await this.pool.engineOf(host)] as const)),
    );
    const without = await hostsWithoutIpsec(engines, tag);
    if (without.length === 0) return;
    const message = `the kernel of ${without.join(", ")} has no IPsec, which an encrypted network takes`;
    const hints = [
      "leave --encrypted out: the nodes' datagrams are sealed all the same",
      "or leave that host out: --hosts",
    ];
    throw new LabError("unsupported", message, hints);
  }

  async #ensureHelper(spec: LabSpec, network: Overlay, progress: Progress): Promise<void> {
    const { here } = await this.pool.reach();
    const { tag } = await planImage(() => {}, this.#environment);
    const [first] = here;
    if (first === undefined) return;
    const { docker } = await this.pool.engineOf(first);
    const { Id: image } = await docker.getImage(tag).inspect();
    progress({ step: "multicast", state: "start" });
    // The manager puts it on hosts that it believes in.
    const able = here.filter(({ isActive, state }) => isActive && state === "ready").map(({ id }) => id);
    await startHelper(this.pool.manager.docker, spec, network, image, able);
    progress({ step: "multicast", state: "done", detail: `carried across ${able.length} hosts` });
  }

  async #engineOn(name: string): Promise<DockerEngine> {
    const host = (await this.pool.list()).find((other) => other.name === name);
    if (host === undefined) throw hostIsAway(name, null);
    return (await this.pool.engineOf(host)).engine;
  }

  /** The engine of the host on which node `id` is. @throws LabError("notFound"); LabError("failed") when that host is away */
  async #home(lab: string, id: NodeId): Promise<DockerEngine> {
    const key = `${lab}/${id}`;
    if (!this.#homes.has(key)) {
      const info = await this.lab(lab);
      if (info === null) throw noSuchLab(lab);
      if (!this.#homes.has(key)) {
        throw noSuchNode(
          lab,
          id,
          info.nodes.map((node) => node.id),
        );
      }
    }
    return await this.#engineOn(this.#homes.get(key) ?? "");
  }

  /** The one door through which the manager's errors leave; each host's engine has its own. */
  async #do<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await whileAnswering(this.pool.manager, async () => {
        // An engine that manages no swarm is told from a swarm in trouble before anything else is asked.
        await this.pool.list();
        return await work();
      });
    } catch (error) {
      throw explain(error, this.pool.manager.endpoint, doing);
    }
  }
}

function wishesOf({ swarm = DEFAULT_WISHES }: LabSpec): SwarmWishes {
  return swarm;
}

/** Nodes that multicast can't reach are told where the others are. */
function withPeers(node: NodeSpec, spec: LabSpec, { subnet }: Overlay): NodeSpec {
  const peers = spec.nodes.filter((id) => id !== node.id).map((id) => `${id}:${addressOf(subnet, id)}`);
  return { ...node, env: { DS_PEERS: peers.join(","), ...node.env } };
}
