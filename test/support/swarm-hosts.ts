// Several "machines" on this one: namespaces with a Docker engine each, on one switch, one Docker Swarm. Nothing of this machine's
// network is touched but one veth, and everything ends with this process, however that ends: it holds the input of process 1 of the
// namespaces (swarm-hosts.sh), and the kernel does the rest. Only empty control groups stay after a kill; the next start removes them.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type Docker from "dockerode";
import { type Connection, connectDocker } from "../../lab/engine/docker/docker-connect.ts";
import { docker } from "./cli-lab.ts";
import type { Availability } from "./docker-available.ts";
import { eventually } from "./eventually.ts";

const CGROUPS = "/sys/fs/cgroup";
const CGROUP_PREFIX = "energy-lab-hosts-";

/** Can this machine pretend to be several? */
export function probeSwarmHosts(): Availability {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    return { available: false, reason: "several hosts on one machine take root on Linux" };
  for (const program of ["dockerd", "docker-init", "unshare", "ip"]) {
    if (spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0)
      return { available: false, reason: `several hosts on one machine take \`${program}\`` };
  }
  const trial = "ip link add v0 type vxlan id 1 dstport 4789 && mount -t tmpfs tmpfs /mnt";
  const { status, stderr } = spawnSync("unshare", ["--net", "--mount", "--pid", "--fork", "sh", "-c", trial]);
  if (status === 0) return { available: true };
  return { available: false, reason: `this machine can't make namespaces with vxlan: ${stderr.toString().trim()}` };
}

export class SwarmHosts implements AsyncDisposable {
  readonly #prefix: string;
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #cgroup: string;
  /** 1 to the number of hosts. */
  readonly ids: readonly number[];
  readonly #connections = new Map<number, Connection>();

  private constructor(child: ChildProcess, prefix: string, cgroup: string, count: number) {
    this.ids = Array.from({ length: count }, (_, i) => i + 1);
    this.#process = child;
    this.#prefix = prefix;
    this.#cgroup = cgroup;
    this.#answers = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  /** `count` engines in one swarm; host 1 is its manager. The image, if named, is loaded into the manager's engine. */
  static async up(count: number, image?: string): Promise<SwarmHosts> {
    removeEmptyCgroups();
    // Parallel runs on one machine differ in it.
    const prefix = `10.${96 + (process.pid % 16)}.${(process.pid >> 4) % 256}`;
    const cgroup = `/${CGROUP_PREFIX}${process.pid}`;
    const namespaces = [
      "--net",
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      "--propagation",
      "private",
      "--mount-proc",
    ];
    const script = join(import.meta.dirname, "swarm-hosts.sh");
    const child = spawn("unshare", [...namespaces, "bash", script, prefix, cgroup], {
      stdio: ["pipe", "inherit", "inherit", "pipe"],
    });
    const hosts = new SwarmHosts(child, prefix, cgroup, count);
    try {
      await hosts.#connect(child.pid ?? 0);
      const { ids } = hosts;
      for (const id of ids) await hosts.#order("on", id);
      await Promise.all(ids.map((id) => hosts.untilAnswers(id)));
      await Promise.all([hosts.#form(ids), image === undefined ? null : hosts.#load(1, image)]);
      return hosts;
    } catch (error) {
      const logs = await Promise.all([1, 2, 3].map((id) => hosts.#order("log", id).catch(() => [])));
      await hosts[Symbol.asyncDispose]();
      throw new Error(`${error}\n${logs.flat().join("\n")}`, { cause: error });
    }
  }

  /** What DOCKER_HOST takes. */
  endpoint(id: number): string {
    return `tcp://${this.address(id)}:2375`;
  }

  address(id: number): string {
    return `${this.#prefix}.${id}`;
  }

  /** A raw connection, to see and to spoil what the lab made. */
  async engine(id: number): Promise<Docker> {
    const known = this.#connections.get(id) ?? (await connectDocker({ DOCKER_HOST: this.endpoint(id) }));
    this.#connections.set(id, known);
    return known.docker;
  }

  /** All its processes end at once, as if its plug were pulled. Its disk stays. */
  async powerOff(id: number): Promise<void> {
    await this.#order("off", id);
    this.#connections.get(id)?.[Symbol.dispose]();
    this.#connections.delete(id);
  }

  /** Resolves when the swarm has it again. */
  async powerOn(id: number): Promise<void> {
    await this.#order("on", id);
    await this.untilAnswers(id);
    await this.untilReady(id);
  }

  /** Its cable is pulled at the switch. */
  async cut(id: number): Promise<void> {
    await this.#order("cut", id);
  }

  async heal(id: number): Promise<void> {
    await this.#order("join", id);
    await this.untilReady(id);
  }

  async untilAnswers(id: number): Promise<void> {
    await eventually(
      async () => (await this.engine(id)).ping({ abortSignal: AbortSignal.timeout(2_000) } as never),
      30_000,
    );
  }

  async untilReady(id: number, isReady = true): Promise<void> {
    const manager = await this.engine(1);
    await eventually(async () => {
      const nodes = await manager.listNodes();
      return (nodes.find((node) => node.Description.Hostname === `h${id}`)?.Status.State === "ready") === isReady;
    }, 60_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections.values()) connection[Symbol.dispose]();
    const isOver = this.#process.exitCode !== null || this.#process.signalCode !== null;
    const ended = isOver ? null : new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.stdin?.end();
    await ended;
    await eventually(() => removeEmptyCgroups(this.#cgroup));
  }

  /** The one veth: this machine's end has the address .254. */
  async #connect(unshare: number): Promise<void> {
    const name = `hosts${process.pid}`;
    const ip = (...args: string[]): void => {
      const { status, stderr } = spawnSync("ip", args);
      if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
    };
    await eventually(() => ip("link", "add", name, "type", "veth", "peer", "name", "op", "netns", `${unshare}`));
    ip("addr", "add", `${this.#prefix}.254/24`, "dev", name);
    ip("link", "set", name, "up");
    await this.#order("uplink", 0);
  }

  async #form(ids: readonly number[]): Promise<void> {
    const manager = await this.engine(1);
    const [first = 1, ...others] = ids;
    const addresses = (id: number) => ({ AdvertiseAddr: this.address(id), ListenAddr: `${this.address(id)}:2377` });
    await manager.swarmInit({ ...addresses(first), ForceNewCluster: false } as never);
    const { JoinTokens: tokens } = (await manager.swarmInspect()) as { JoinTokens: { Worker: string } };
    const RemoteAddrs = [`${this.address(first)}:2377`];
    await Promise.all(
      others.map(async (id) =>
        (await this.engine(id)).swarmJoin({ ...addresses(id), RemoteAddrs, JoinToken: tokens.Worker } as never),
      ),
    );
    await Promise.all(ids.map((id) => this.untilReady(id)));
    await Promise.all(ids.map((id) => this.label(id, "energy-lab.endpoint", this.endpoint(id))));
  }

  /** Sets a label of a swarm node. */
  async label(id: number, name: string, value: string): Promise<void> {
    const manager = await this.engine(1);
    await eventually(async () => {
      const found = (await manager.listNodes()).find((node) => node.Description.Hostname === `h${id}`);
      if (found === undefined) throw new Error(`the swarm has no h${id}`);
      const spec = { ...found.Spec, Labels: { ...found.Spec.Labels, [name]: value } };
      await manager.getNode(found.ID).update({ version: found.Version.Index, ...spec } as never);
    });
  }

  /** The things of a lab, or of all labs, on the engines of these hosts: `h2 container x`. */
  async things(lab?: string, ids: readonly number[] = this.ids): Promise<readonly string[]> {
    const filters = { label: [lab === undefined ? "energy-lab.lab" : `energy-lab.lab=${lab}`] };
    const local = ids.map(async (id) => {
      const engine = await this.engine(id);
      const [containers, { Volumes: volumes }] = await Promise.all([
        engine.listContainers({ all: true, filters }),
        engine.listVolumes({ filters }),
      ]);
      return [
        ...containers.map((found) => `h${id} container ${found.Names[0]}`),
        ...(volumes ?? []).map((found) => `h${id} volume ${found.Name}`),
      ];
    });
    const manager = await this.engine(1);
    const [networks, services, configs, ...others] = await Promise.all([
      manager.listNetworks({ filters }),
      manager.listServices({ filters: filters as never }),
      manager.listConfigs({ filters }),
      ...local,
    ]);
    return [
      ...networks.map(({ Name: name }) => `network ${name}`),
      ...services.map(({ ID: name }) => `service ${name}`),
      ...configs.map(({ ID: name }) => `config ${name}`),
      ...others.flat(),
    ];
  }

  async #load(id: number, image: string): Promise<void> {
    await docker("-H", this.endpoint(id), "version");
    const pipe = `docker save ${image} | docker -H ${this.endpoint(id)} load -q`;
    const { status, stderr } = await run("sh", ["-c", pipe]);
    if (status !== 0) throw new Error(`${pipe}: ${stderr}`);
  }

  async #order(order: string, id: number): Promise<string[]> {
    this.#process.stdin?.write(`${order} ${id}\n`);
    const said: string[] = [];
    for (;;) {
      const { value, done } = await this.#answers.next();
      if (done === true) throw new Error(`the hosts have ended: ${said.join("; ")}`);
      if (value === "done") return said;
      said.push(value);
    }
  }
}

function run(command: string, args: readonly string[]): Promise<{ status: number | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    child.on("error", reject);
    child.on("exit", (status) => resolve({ status, stderr }));
  });
}

/** Those of hosts that have ended; throws while one is still in use. */
function removeEmptyCgroups(only?: string): void {
  const roots = readdirSync(CGROUPS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(CGROUPS, entry.name));
  for (const folder of [CGROUPS, ...roots]) {
    const ours = readdirSync(folder).filter((name) => name.startsWith(CGROUP_PREFIX));
    for (const name of ours) {
      const owner = Number(name.slice(CGROUP_PREFIX.length));
      if (only === undefined ? !isAlive(owner) : name === only.slice(1)) removeTree(join(folder, name));
    }
  }
}

function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  rmdirSync(folder);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
