/**
 * What the lab asks of the thing that runs nodes. Adapters: docker-engine.ts (containers), local-engine.ts (processes on loopback),
 * sim.ts (nodes in virtual time inside this process).
 *
 * Engines own *where* nodes run; they know nothing of the protocol. They keep no state of their own: a lab is found again by
 * its labels (docker) or its directory (local), so `down` and `gc` work after any crash of the CLI.
 * Every method throws LabError with a cause and a cure; raw engine errors never reach a user.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Hint, Hints } from "../base/hint.ts";
import type { World } from "../control/world.ts";

export type RuntimeName = "docker" | "local" | "sim";

/** Everything that a lab is, decided before anything is created (`up --dry-run` prints it). */
export interface LabSpec {
  readonly name: string;
  readonly runtime: RuntimeName;
  /** Identifies this incarnation of the lab in journals: `<name>-<base36 time>`. */
  readonly run: string;
  readonly profile: string;
  readonly voters: readonly NodeId[];
  /** The ids that `up` starts: what the nodes are told to expect. */
  readonly nodes: readonly NodeId[];
  /** Control token (hex). */
  readonly token: string;
  /** Cluster keys in `DS_KEYS` form. */
  readonly keys: string;
  /** Further `DS_*` variables for every node. */
  readonly env: Readonly<Record<string, string>>;
}

export interface NodeSpec {
  readonly id: NodeId;
  /** Variables for this node alone; win over the lab's. */
  readonly env: Readonly<Record<string, string>>;
}

export type NodeStatus = "starting" | "running" | "paused" | "exited" | "created";

export interface NodeInfo {
  readonly lab: string;
  readonly id: NodeId;
  readonly status: NodeStatus;
  /** Null while it runs, or when the engine doesn't know; 128 and more: the number of the signal that ended it, plus 128. */
  readonly exitCode: number | null;
  /** When its last process ended, wall clock of the nodes; null while it runs, or when the engine doesn't know. */
  readonly finishedAtMs: number | null;
  /** The kernel ended its last process because memory ran out. */
  readonly oomKilled: boolean;
  /** Container id (12 hex digits) or process id. */
  readonly handle: string;
  /** Address that peers know it by, without port: the source of its packets. */
  readonly ip: string | null;
  /** Where this host can reach its control channel, `host:port`; null: only by `controlExec`. */
  readonly control: string | null;
  readonly startedAtMs: number | null;
  /** Cut off by `unplug`. */
  readonly unplugged: boolean;
}

export interface LabInfo {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly run: string | null;
  readonly profile: string;
  readonly voters: readonly NodeId[];
  /** Null: no token (compose): control goes by exec inside the container. */
  readonly token: string | null;
  readonly createdAtMs: number | null;
  /** Subnet (docker) or `127.0.0.1:base` (local). */
  readonly network: string | null;
  readonly nodes: readonly NodeInfo[];
}

/** Steps of long work, for the renderers (tty, plain, json) in lab/ui. */
export type Progress = (event: {
  step: string;
  state: "start" | "done" | "failed" | "info";
  detail?: string;
  node?: NodeId;
  /** What to do about a step that failed. */
  hint?: Hint;
}) => void;

export interface LogLine {
  readonly node: NodeId;
  /** One line of the node's stdout or stderr, without the newline. */
  readonly text: string;
  readonly stream: "stdout" | "stderr";
}

export interface LogOptions {
  readonly follow: boolean;
  /** Last lines per node; null: all. */
  readonly tail: number | null;
  readonly sinceMs: number | null;
  readonly signal: AbortSignal;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Something that a lab left behind; `gc` removes it. */
export interface Leftover {
  readonly kind: "container" | "network" | "volume" | "process" | "directory" | "image";
  readonly id: string;
  readonly lab: string;
  readonly why: string;
}

export interface Finding {
  readonly check: string;
  readonly level: "ok" | "info" | "warn" | "fail";
  readonly found: string;
  /** What follows for the user; empty when ok. */
  readonly consequence: string;
  /** What to do about it; empty when ok. */
  readonly cure: Hints;
}

export interface Engine extends AsyncDisposable {
  readonly name: RuntimeName;
  /** What its nodes live in. */
  readonly world: World;
  /** Throws LabError("engineUnreachable") when it can't be used; `detail` is one line for people. */
  check(signal?: AbortSignal): Promise<{ detail: string; facts: Readonly<Record<string, unknown>> }>;
  /** Everything that `up` needs once (image, bundle). Idempotent and quick when nothing changed. */
  prepare(progress: Progress, signal: AbortSignal): Promise<void>;
  labs(): Promise<readonly LabInfo[]>;
  lab(name: string): Promise<LabInfo | null>;
  /** Creates what the nodes share (network, directory). Throws if a lab of that name exists. */
  createLab(spec: LabSpec, progress: Progress, signal: AbortSignal): Promise<void>;
  /** Creates and starts nodes, all in parallel; resolves when the engine has started them (not when they are READY). */
  addNodes(
    spec: LabSpec,
    nodes: readonly NodeSpec[],
    progress: Progress,
    signal: AbortSignal,
  ): Promise<readonly NodeInfo[]>;
  /** What the lab was created with, read back from its nodes or directory (after loss of the CLI's own state). */
  readSpec(name: string): Promise<LabSpec | null>;
  /** Replaces the cluster keys (in `DS_KEYS` form) that the lab's nodes read at their start and at SIGHUP. LabError("unsupported") where they have none. */
  writeKeys(lab: string, keys: string): Promise<void>;
  start(lab: string, id: NodeId): Promise<void>;
  /** SIGTERM, then SIGKILL after `graceMs`. A paused node is resumed first. */
  stop(lab: string, id: NodeId, graceMs: number): Promise<void>;
  kill(lab: string, id: NodeId, signal: string): Promise<void>;
  pause(lab: string, id: NodeId): Promise<void>;
  resume(lab: string, id: NodeId): Promise<void>;
  /** Resumes by itself at `untilMs` (wall clock of the nodes), null: no more; absent: a process of the lab's does it (helpers.ts). */
  resumeAt?(lab: string, id: NodeId, untilMs: number | null): void;
  /** The node finds an empty disk at its next start. LabError("failed") while it runs. */
  wipe(lab: string, id: NodeId): Promise<void>;
  /** Removes the node and everything of it, running or not. */
  remove(lab: string, id: NodeId): Promise<void>;
  /** Pulls or puts back the cable; LabError("unsupported") where there is none. */
  unplug(lab: string, id: NodeId): Promise<void>;
  plug(lab: string, id: NodeId): Promise<void>;
  /** Removes the whole lab; safe to repeat, needs no state. Returns what was removed. */
  destroyLab(name: string, progress: Progress): Promise<readonly Leftover[]>;
  logs(lab: string, nodes: readonly NodeId[], options: LogOptions): AsyncIterable<LogLine>;
  /** One control request by a process inside the node's own namespace over loopback (docker); local: not needed, unsupported. */
  controlExec(lab: string, id: NodeId, requestJson: string, timeoutMs: number): Promise<string>;
  /** Runs a POSIX shell script as root inside the node's network namespace (kernel faults); local: LabError("unsupported"). */
  rootExec(
    lab: string,
    id: NodeId,
    script: string,
    options?: { detach?: boolean; stdin?: string },
  ): Promise<ExecResult>;
  /** Which kernel fault tools work inside a node, found by doing it once in a throw-away namespace; local: all false. */
  kernelFaults(progress: Progress): Promise<KernelFaults>;
  /** Instants at which nodes ended (`die`) or started, as the engine saw them. */
  events(
    lab: string,
    signal: AbortSignal,
  ): AsyncIterable<{ atMs: number; node: NodeId; what: "start" | "die" | "pause" | "unpause" | "oom" }>;
  /** What belongs to no living lab. */
  leftovers(): Promise<readonly Leftover[]>;
  collect(leftovers: readonly Leftover[]): Promise<void>;
  doctor(): Promise<readonly Finding[]>;
}

/** The folder in a container that keeps its faults: in the writable layer, so that they outlive a restart. */
export const FAULTS_DIR = "/run/lab/faults";

export interface KernelFaults {
  /** nftables ruleset can be loaded. */
  readonly nft: boolean;
  readonly netem: boolean;
  readonly htb: boolean;
  readonly ifb: boolean;
}

/** Labels on containers and networks, the only record that a lab exists. docker-compose.yml uses the same. */
export const LABELS = {
  lab: "energy-lab.lab",
  node: "energy-lab.node",
  run: "energy-lab.run",
  profile: "energy-lab.profile",
  voters: "energy-lab.voters",
  nodes: "energy-lab.nodes",
  unplugged: "energy-lab.unplugged",
} as const;
