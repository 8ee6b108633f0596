/**
 * The hosts of a swarm: what the manager says of them, the engine of each, and whether it answers now.
 *
 * Swarm keeps membership and liveness, and says "Down" twelve seconds late; whether a host can be worked with is asked of its own
 * engine, a moment before each use. A host that is away costs a command one knock, and nothing else.
 */
import type Docker from "dockerode";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { type Connection, connectDocker } from "../docker/docker-connect.ts";
import { DockerEngine } from "../docker/docker-engine.ts";
import { unreachable } from "../docker/docker-errors.ts";

/** Labels of a swarm's nodes, set by the user (`docker node update --label-add`). */
export const HOST_LABELS = {
  /** The host's engine as DOCKER_HOST would name it. */
  endpoint: "energy-lab.endpoint",
  zone: "energy-lab.zone",
} as const;

export interface SwarmHost {
  /** The swarm's id of it. */
  readonly id: string;
  readonly name: string;
  /** Where the other hosts reach it; nodes' control ports are published there. */
  readonly address: string;
  readonly zone: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** The manager's word: `ready`, `down`, `unknown`, `disconnected`. */
  readonly state: string;
  /** The operator's word: `active`, `pause`, `drain`. */
  readonly availability: string;
  /** New nodes may be placed there. */
  readonly isActive: boolean;
  readonly isManager: boolean;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly engineVersion: string;
  /** As DOCKER_HOST would name its engine. */
  readonly endpoint: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** How long a host has to answer a knock; one that the manager calls down answers at once or not at all. */
const KNOCK_MS = 2_500;
const KNOCK_DOWN_MS = 700;
/** For so long the last answer counts. */
const FRESH_MS = 1_500;

/** What a host's own engine is used through. */
export interface Reached {
  readonly engine: DockerEngine;
  readonly docker: Docker;
}

interface Opened extends Reached {
  readonly connection: Connection;
  readonly endpoint: string;
  knock: { readonly atMs: number; readonly away: Promise<LabError | null> } | null;
}

export class HostPool implements AsyncDisposable {
  readonly manager: Connection;
  readonly #environment: Environment;
  readonly #opened = new Map<string, Promise<Opened>>();
  #listed: { readonly atMs: number; readonly hosts: Promise<readonly SwarmHost[]> } | null = null;

  constructor(manager: Connection, environment: Environment) {
    this.manager = manager;
    this.#environment = environment;
  }

  /** All hosts, by name. @throws LabError("engineUnreachable") when the engine manages no swarm */
  async list(): Promise<readonly SwarmHost[]> {
    if (this.#listed === null || performance.now() - this.#listed.atMs > FRESH_MS) {
      const hosts = listHosts(this.manager, this.#environment);
      this.#listed = { atMs: performance.now(), hosts };
      hosts.catch(() => {
        this.#listed = null;
      });
    }
    return await this.#listed.hosts;
  }

  /** Why this host can't be worked with at the moment; null: its engine answers. */
  async awayness(host: SwarmHost): Promise<LabError | null> {
    let opened: Opened;
    try {
      opened = await this.#open(host);
    } catch (error) {
      if (error instanceof LabError) return error;
      throw error;
    }
    if (opened.knock === null || performance.now() - opened.knock.atMs > FRESH_MS) {
      const signal = AbortSignal.timeout(host.state === "ready" ? KNOCK_MS : KNOCK_DOWN_MS);
      const away = ping(opened, signal);
      opened.knock = { atMs: performance.now(), away };
    }
    return await opened.knock.away;
  }

  /** The hosts whose engines answer, and those that are away. */
  async reach(): Promise<{ here: readonly SwarmHost[]; away: readonly SwarmHost[] }> {
    const hosts = await this.list();
    const errors = await Promise.all(hosts.map((host) => this.awayness(host)));
    return { here: hosts.filter((_, i) => errors[i] === null), away: hosts.filter((_, i) => errors[i] !== null) };
  }

  /** The same question to all hosts that answer. One that goes away meanwhile counts as away. */
  async ask<T>(question: (reached: Reached, host: SwarmHost) => Promise<T>): Promise<Map<SwarmHost, T>> {
    const { here } = await this.reach();
    const answers = await Promise.all(
      here.map(async (host) => {
        try {
          return [host, await question(await this.#open(host), host)] as const;
        } catch (error) {
          if (error instanceof LabError && error.exit === "engineUnreachable") return null;
          throw error;
        }
      }),
    );
    return new Map(answers.filter((answer) => answer !== null));
  }

  /** @throws LabError("failed") when the host is away */
  async engineOf(host: SwarmHost): Promise<Reached> {
    const away = await this.awayness(host);
    if (away !== null) throw hostIsAway(host.name, away);
    return await this.#open(host);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opening of this.#opened.values()) {
      const opened = await opening.catch(() => null);
      await opened?.engine[Symbol.asyncDispose]();
      opened?.connection[Symbol.dispose]();
    }
    this.manager[Symbol.dispose]();
  }

  #open(host: SwarmHost): Promise<Opened> {
    const key = `${host.id} ${host.endpoint}`;
    const known = this.#opened.get(key);
    if (known !== undefined) return known;
    const opening = open(host, this.#environment);
    this.#opened.set(key, opening);
    return opening;
  }
}

async function open(host: SwarmHost, environment: Environment): Promise<Opened> {
  const own = { ...environment, DOCKER_HOST: host.endpoint };
  const connection = await connectDocker(own);
  const engine = await DockerEngine.open(own, { runtime: "swarm", publishOn: host.address });
  return { engine, docker: connection.docker, connection, endpoint: host.endpoint, knock: null };
}

async function ping({ docker, endpoint }: Opened, signal: AbortSignal): Promise<LabError | null> {
  try {
    // Its type doesn't know of options.
    await docker.ping({ abortSignal: signal } as object as () => void);
    return null;
  } catch (error) {
    const why = signal.aborted ? null : unreachable(error, { host: endpoint });
    return why ?? new LabError("engineUnreachable", `the engine at ${endpoint} doesn't answer`, NEXT.listHosts());
  }
}

export function hostIsAway(host: string, cause: unknown): LabError {
  const why = cause instanceof LabError ? cause.message : "it isn't part of the swarm";
  return new LabError("failed", `host ${host} is away: ${why}`, NEXT.listHosts(), { cause, details: { host } });
}

async function listHosts({ docker, endpoint }: Connection, environment: Environment): Promise<readonly SwarmHost[]> {
  let nodes: Awaited<ReturnType<Docker["listNodes"]>>;
  try {
    nodes = await docker.listNodes();
  } catch (error) {
    const lost = unreachable(error, endpoint);
    if (lost !== null) throw lost;
    // What a user without a swarm needn't hear of is told from a swarm that is in trouble.
    const details = { absent: true };
    throw new LabError(
      "engineUnreachable",
      `the Docker engine at ${endpoint.host} manages no swarm`,
      ["make one: docker swarm init, and docker swarm join on the other hosts", "or name a manager in DOCKER_HOST"],
      { cause: error, details },
    );
  }
  const endpoints = parseEndpoints(environment.LAB_SWARM_ENDPOINTS);
  return nodes.map((node) => describeHost(node, endpoints)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** `h1=ssh://me@10.0.0.1,h2=tcp://10.0.0.2:2376`: the option that wins over the hosts' labels. @throws LabError("usage") */
export function parseEndpoints(text = ""): ReadonlyMap<string, string> {
  const pairs = text.split(",").filter((part) => part.trim() !== "");
  return new Map(
    pairs.map((pair) => {
      const [, name, endpoint] = /^\s*([^=\s]+)=(\S+)\s*$/.exec(pair) ?? [];
      if (name !== undefined && endpoint !== undefined) return [name, endpoint];
      throw new LabError("usage", `LAB_SWARM_ENDPOINTS: "${pair}" isn't HOST=ENDPOINT`, "write h2=ssh://user@10.0.0.2");
    }),
  );
}

type SwarmNode = Awaited<ReturnType<Docker["listNodes"]>>[number];

/** @param endpoints of hosts by name, named by the user; else the host's label tells, else ssh is tried */
export function describeHost(node: SwarmNode, endpoints: ReadonlyMap<string, string>): SwarmHost {
  const { Spec: spec, Description: about, Status: status, ManagerStatus: manager } = node;
  // A leader that was told to listen everywhere reports no address of its own there.
  const isOwn = /^(0\.0\.0\.0|127\.|$)/.test(status.Addr ?? "");
  const address = isOwn ? (manager?.Addr.replace(/:\d+$/, "") ?? status.Addr ?? "") : (status.Addr ?? "");
  const name = about.Hostname;
  return {
    id: node.ID,
    name,
    address,
    zone: spec.Labels?.[HOST_LABELS.zone] ?? null,
    labels: spec.Labels ?? {},
    state: status.State,
    availability: spec.Availability ?? "active",
    isActive: (spec.Availability ?? "active") === "active",
    isManager: manager !== undefined,
    cpus: Math.max(1, Math.round((about.Resources.NanoCPUs ?? 1e9) / 1e9)),
    memoryBytes: about.Resources.MemoryBytes ?? 0,
    engineVersion: about.Engine.EngineVersion ?? "",
    endpoint: endpoints.get(name) ?? spec.Labels?.[HOST_LABELS.endpoint] ?? `ssh://${address}`,
  };
}

/** Names of hosts as `--hosts` wants them: a name, `zone:eu`, or a label of the swarm's nodes as `disk=ssd`. @throws LabError("usage") */
export function chooseHosts(wanted: readonly string[], hosts: readonly SwarmHost[]): readonly string[] {
  const chosen = wanted.flatMap((word) => {
    const [label = "", value] = word.startsWith("zone:") ? [HOST_LABELS.zone, word.slice(5)] : word.split("=", 2);
    if (value === undefined) return [word];
    const found = hosts.filter(({ labels, isActive }) => isActive && labels[label] === value).map(({ name }) => name);
    if (found.length === 0)
      throw new LabError("usage", `no active host has the label ${label}=${value}`, NEXT.listHosts());
    return found;
  });
  return [...new Set(chosen)];
}

/** An engine that asks nobody for a certificate: all who reach its address are root on that host. */
export function isPlainTcp({ endpoint }: SwarmHost): boolean {
  return /^(tcp|http):/.test(endpoint) && !process.env.DOCKER_TLS_VERIFY;
}
