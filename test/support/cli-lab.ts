// A lab that a test starts and breaks the way its user does: through the `lab` command, as a process of its own. It looks
// into the containers past the product, with the docker client, and leaves nothing behind.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Peer } from "./datagram-probe.ts";

const BIN = join(import.meta.dirname, "../../dist/lab.js");

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Shared by the labs of one test file: what was found out about the engine's kernel is kept there. */
let stateHome: Promise<string> | null = null;

export class CliLab implements AsyncDisposable {
  readonly name: string;
  readonly stateHome: string;
  readonly #runtime: string;
  /** Further variables of its commands. */
  readonly #more: NodeJS.ProcessEnv;
  readonly #peers = new Map<number, Peer>();

  private constructor(name: string, home: string, runtime: string, more: NodeJS.ProcessEnv = {}) {
    this.name = name;
    this.#more = more;
    this.#runtime = runtime;
    this.stateHome = home;
  }

  /** A name that nobody else uses; nothing is started. */
  static async named(
    prefix: string,
    runtime: "docker" | "swarm" | "local" = containersHere(),
    more: NodeJS.ProcessEnv = {},
  ): Promise<CliLab> {
    stateHome ??= mkdtemp(join(tmpdir(), "lab-test-state-"));
    return new CliLab(`${prefix}-${randomBytes(3).toString("hex")}`, await stateHome, runtime, more);
  }

  /** Starts the nodes and waits until they agree. */
  static async up(prefix: string, nodes: number, ...options: string[]): Promise<CliLab> {
    const lab = await CliLab.named(prefix, options.includes("local") ? "local" : containersHere());
    try {
      const profile = options.includes("--profile") ? [] : ["--profile", "fast"];
      await lab.ok("up", "--nodes", `${nodes}`, ...profile, ...options);
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  /** The same lab for somebody whose own files are in `home`. */
  seenFrom(home: string): CliLab {
    return new CliLab(this.name, home, this.#runtime, this.#more);
  }

  /** One command, whatever comes of it. */
  run(...args: string[]): Promise<Run> {
    return new Promise((resolve) => {
      execFile(process.execPath, [BIN, ...args], { env: this.#environment }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, stdout, stderr });
      });
    });
  }

  /** One command that must succeed; its stdout. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`lab ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.ok(...args, "-o", "json")) as T;
  }

  /** One command as a process that the test may kill. */
  start(...args: string[]): ChildProcess {
    return spawn(process.execPath, [BIN, ...args], { env: this.#environment, stdio: ["ignore", "pipe", "pipe"] });
  }

  /** The container of a node. */
  async peer(id: number): Promise<Peer> {
    const known = this.#peers.get(id);
    if (known !== undefined) return known;
    const labels = ["--filter", `label=energy-lab.lab=${this.name}`, "--filter", `label=energy-lab.node=${id}`];
    const container = (await docker("ps", "-a", ...labels, "--format", "{{.Names}}")).trim();
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
    const ip = (await docker("inspect", "--format", format, container)).trim().split(" ")[0] ?? "";
    const peer = { container, ip };
    this.#peers.set(id, peer);
    return peer;
  }

  /** A shell line as root in a node's container; its stdout. */
  async shell(id: number, line: string): Promise<string> {
    return docker("exec", "-u", "0", (await this.peer(id)).container, "sh", "-c", line);
  }

  /** Whatever a node still has of faults: rules, queues, devices, files, timers. Empty: clean. */
  async remains(id: number): Promise<string> {
    const found = await this.shell(
      id,
      `nft list tables | grep energy_lab
       ls -A /run/lab/faults
       ls -d /sys/class/net/labifb 2>/dev/null
       tc qdisc show | grep -v 'noqueue 0:'
       for process in /proc/[0-9]*; do
         tr '\\0' ' ' <$process/cmdline 2>/dev/null | grep '[/]run/lab/faults/apply'
       done
       true`,
    );
    return found.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The test may have taken it down itself.
    const { code, stderr } = await this.run("down");
    if (code !== 0 && code !== 3) throw new Error(`lab down ended with ${code}:\n${stderr}`);
    if (this.#runtime !== "docker") return;
    const label = `label=energy-lab.lab=${this.name}`;
    const left = await Promise.all([
      docker("ps", "-a", "-q", "--filter", label),
      docker("network", "ls", "-q", "--filter", label),
    ]);
    if (left.join("").trim() !== "") throw new Error(`lab down left something behind: ${left.join(" ")}`);
  }

  get #environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      XDG_STATE_HOME: this.stateHome,
      LAB_NAME: this.name,
      LAB_RUNTIME: this.#runtime,
      ...this.#more,
    };
  }
}

/** Where labs of containers lie: on one engine, or on the swarm that on-swarm.ts made. */
function containersHere(): "docker" | "swarm" {
  return process.env.LAB_TEST_RUNTIME === "swarm" ? "swarm" : "docker";
}

/** Removes what the labs of this file kept on disk. */
export async function removeStateHome(): Promise<void> {
  if (stateHome !== null) await rm(await stateHome, { recursive: true, force: true });
  stateHome = null;
}

export function docker(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile("docker", args, { maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`docker ${args[0]} failed: ${stderr.trim() || error.message}`));
    });
  });
}
