/**
 * The interface to the thing that runs nodes. Adapters: docker/ (containers), swarm/ (containers on several hosts), local/ (processes on
 * loopback), sim/ (nodes in virtual time inside this process).
 *
 * Engines own *where* nodes run; they know nothing of the protocol. They keep no state of their own: a lab is found again by
 * its labels (docker) or its directory (local), so `down` and `gc` work after any crash of the CLI.
 * Errors are LabErrors with a cause and a cure; raw engine errors never reach a user.
 */
import type { ImpairmentSet } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import type { Hint, Hints } from "../base/hint.ts";
import type { World } from "../control/world.ts";
import type { Program } from "../kind/program-spec.ts";
import type { Decoded } from "../kind/tap.ts";
import type { Traffic } from "../sim/cluster/traffic.ts";

export type RuntimeName = "docker" | "swarm" | "local" | "sim";

/** Whether nodes are containers there, with a kernel interface and a cable of their own. */
export function hasContainers(runtime: RuntimeName): boolean {
  return runtime === "docker" || runtime === "swarm";
}

/** How a lab lies on the hosts of a Docker Swarm. */
export interface SwarmWishes {
  /** Names of the hosts that nodes may be placed on; null: all that are active. */
  readonly hosts: readonly string[] | null;
  /** `helper`: a service carries multicast across hosts; `unicast`: nodes are told each other's addresses (DS_PEERS). */
  readonly multicast: "helper" | "unicast";
  /** The overlay is encrypted by the engines (IPsec). */
  readonly encrypted: boolean;
}

/** What a container may use at most; absent: 1 GiB of memory, 1,024 processes and threads. */
export interface Limits {
  readonly memoryBytes?: number;
  readonly pids?: number;
}

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
  /** Of each container; other runtimes have none. */
  readonly limits?: Limits;
  /** Further `DS_*` variables for every node. */
  readonly env: Readonly<Record<string, string>>;
  /** What its nodes run; absent: our own peers. */
  readonly program?: Program | null;
  /** Absent: any host, by the helper, in the clear. */
  readonly swarm?: SwarmWishes;
}

export interface NodeSpec {
  readonly id: NodeId;
  /** Variables for this node alone; win over the lab's. */
  readonly env: Readonly<Record<string, string>>;
}

/** `unreachable`: its host doesn't answer; what became of the node is unknown. */
export type NodeStatus = "starting" | "running" | "paused" | "exited" | "created" | "unreachable";

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
  /** Address at which this host reaches its control channel, `host:port`; null: only by `controlExec`. */
  readonly control: string | null;
  readonly startedAtMs: number | null;
  /** Cut off by `unplug`. */
  readonly unplugged: boolean;
  /** By the image's own health check; absent: it has none. */
  readonly isHealthy?: boolean;
  /** The host that it was placed on, by name; absent where there is but one. */
  readonly host?: string;
  /** Where that host stands, by its label `energy-lab.zone`; absent: it has none. */
  readonly zone?: string;
}

/** A host of a swarm. */
export interface HostInfo {
  readonly name: string;
  readonly zone: string | null;
  /** `ready`: the swarm has it and its engine answers; `away`: its engine doesn't; else the manager's word: `down`, `drain`, `pause`. */
  readonly state: string;
  /** Why it is away; empty: it isn't. */
  readonly why: string;
  readonly isManager: boolean;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Nodes of all labs there; null: nobody can tell. */
  readonly nodes: number | null;
  readonly address: string;
  readonly endpoint: string;
  /** Of a request to its engine and back; null: it doesn't answer. */
  readonly latencyMs: number | null;
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
  /** Variables (`DS_*`) that all its nodes were given, without the secrets; those of one node alone aren't among them. */
  readonly env: Readonly<Record<string, string>>;
  /** What its nodes run; absent or null: our own peers. */
  readonly program?: Program | null;
  readonly nodes: readonly NodeInfo[];
}

/** Steps of long work, for the renderers (tty, plain, json) in lab/ui. */
export type Progress = (event: {
  step: string;
  state: "start" | "done" | "failed" | "info";
  detail?: string;
  node?: NodeId;
  /** The cure for a step that failed. */
  hint?: Hint;
}) => void;

export interface LogLine {
  readonly node: NodeId;
  /** One line of the node's stdout or stderr, without the newline. */
  readonly text: string;
  readonly stream: "stdout" | "stderr";
  /** When it was written, wall clock; absent: the engine doesn't note it. */
  readonly atMs?: number;
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
  readonly kind: "container" | "network" | "volume" | "process" | "directory" | "image" | "service" | "config";
  readonly id: string;
  readonly lab: string;
  readonly why: string;
}

export interface Finding {
  readonly check: string;
  readonly level: "ok" | "info" | "warn" | "fail";
  readonly found: string;
  /** The consequence for the user; empty when ok. */
  readonly consequence: string;
  /** The cure; empty when ok. */
  readonly cure: Hints;
  /** An engine that is set up, and can't be used. */
  readonly isUnreachable?: boolean;
}

/** What the taps of a lab have seen until now. */
export interface Captures {
  readonly files: readonly {
    readonly node: NodeId;
    /** It is of what rules dropped. */
    readonly isDrop: boolean;
    /** As tcpdump writes it. */
    readonly file: Uint8Array;
  }[];
  /** Datagrams that the kernel couldn't hand over, because they came too fast. */
  readonly lost: number;
  /** Datagrams that were recorded, and overwritten by later ones. */
  readonly overwritten: number;
}

/** Runs programs that aren't ours (lab/kind). What these methods throw is as with `Engine`. */
export interface ProgramHost {
  /** @throws LabError("failed") for an image that can be had neither here nor elsewhere, or can't be built; LabError("usage") without one */
  prepare(program: Program, progress: Progress, signal: AbortSignal): Promise<void>;
  /**
   * Runs a command in the node, as the node's own user. A command that fails is a result.
   * @throws LabError("failed") for a node that doesn't run; LabError("timeout")
   */
  exec(lab: string, id: NodeId, command: readonly string[], timeoutMs: number): Promise<ExecResult>;
  /** Whether the node has a helper: then it may have faults. */
  hasHelper(lab: string, id: NodeId): Promise<boolean>;
  dropHelper(lab: string, id: NodeId): Promise<void>;
  captures(lab: string): Promise<Captures>;
  /** Type and summary of each payload, by what the program says of its messages. Never fails. */
  decode(payloads: readonly Uint8Array[], program: Program): Promise<readonly Decoded[]>;
  /** The node was started while it had faults, and waits until they are in force: it goes on. */
  release(lab: string, id: NodeId): Promise<void>;
}

/**
 * Every method may throw LabError("engineUnreachable") when the engine stops answering, and every method that names a node or a lab
 * LabError("notFound") when it isn't there, unless its comment says otherwise. A method that brings about what holds already succeeds.
 */
export interface Engine extends AsyncDisposable {
  readonly name: RuntimeName;
  /** Absent: it runs our own peers only. */
  readonly programs?: ProgramHost;
  /** The time, network and chance that its nodes live in. */
  readonly world: World;
  /** `detail` is one line for people. @throws LabError("engineUnreachable") when the engine can't be used */
  check(signal?: AbortSignal): Promise<{ detail: string; facts: Readonly<Record<string, unknown>> }>;
  /**
   * Makes everything that `up` needs once (image, bundle). Idempotent, and quick when nothing changed.
   * @throws LabError("failed") when it can't be made, with the builder's own words; LabError("interrupted")
   */
  prepare(progress: Progress, signal: AbortSignal): Promise<void>;
  labs(): Promise<readonly LabInfo[]>;
  /** Null: there is no lab of that name. */
  lab(name: string): Promise<LabInfo | null>;
  /**
   * Creates what the nodes share (network, directory).
   * @throws LabError("usage") or LabError("failed") when a lab of that name exists; LabError("failed") without a free network or ports
   */
  createLab(spec: LabSpec, progress: Progress, signal: AbortSignal): Promise<void>;
  /**
   * Creates and starts nodes, all in parallel; resolves when the engine has started them (not when they are READY).
   * @throws LabError("usage") for an id that this runtime can't have, or a variable that isn't valid; LabError("failed") when one can't be
   * started; LabError("interrupted")
   */
  addNodes(
    spec: LabSpec,
    nodes: readonly NodeSpec[],
    progress: Progress,
    signal: AbortSignal,
  ): Promise<readonly NodeInfo[]>;
  /** Where `addNodes` would put nodes of a new lab, by host; absent where there is but one. @throws LabError as `addNodes` does */
  plannedHosts?(spec: LabSpec, ids: readonly NodeId[]): Promise<ReadonlyMap<NodeId, string>>;
  /** The hosts, by name; absent where there is but one. */
  hosts?(): Promise<readonly HostInfo[]>;
  /** The specification of the lab, read back from its nodes or directory (after loss of the CLI's own state). Null: nothing tells. */
  readSpec(name: string): Promise<LabSpec | null>;
  /**
   * Replaces the cluster keys (in `DS_KEYS` form) that the lab's nodes read at their start and at SIGHUP.
   * @throws LabError("unsupported") where nodes have none
   */
  writeKeys(lab: string, keys: string): Promise<void>;
  /** @throws LabError("failed") for a paused node, which has to be resumed first, and when its process can't be made */
  start(lab: string, id: NodeId): Promise<void>;
  /**
   * Rules that a node which doesn't run has in force when it starts, before its first packet. Absent where a node can't be reached before it
   * starts.
   */
  leaveFaults?(lab: string, id: NodeId, set: ImpairmentSet): Promise<void>;
  /** SIGTERM, then SIGKILL after `graceMs`. A paused node is resumed first. @throws LabError("failed") when its process doesn't end */
  stop(lab: string, id: NodeId, graceMs: number): Promise<void>;
  /**
   * Sends a signal; after SIGKILL the process is gone when this resolves.
   * @throws LabError("failed") for a node that doesn't run, LabError("usage") or LabError("unsupported") for a signal that the runtime
   * doesn't know
   */
  kill(lab: string, id: NodeId, signal: string): Promise<void>;
  /** @throws LabError("failed") for a node that doesn't run */
  pause(lab: string, id: NodeId): Promise<void>;
  /** @throws LabError("failed") for a node that doesn't run */
  resume(lab: string, id: NodeId): Promise<void>;
  /** The node goes on by itself at `untilMs` (its wall clock), whatever becomes of this process; null: no more. */
  resumeAt(lab: string, id: NodeId, untilMs: number | null): Promise<void>;
  /**
   * The node finds an empty disk at its next start.
   * @throws LabError("failed") while it runs; LabError("unsupported") where it can't be emptied
   */
  wipe(lab: string, id: NodeId): Promise<void>;
  /**
   * A copy of the node's disk as it is now. A node that runs is frozen for as long as that takes.
   * @throws LabError("failed") when it has no ledger on a disk
   */
  saveDisk(lab: string, id: NodeId): Promise<Uint8Array>;
  /**
   * The node finds at its next start what `saveDisk` of this runtime gave, and nothing else.
   * @throws LabError("failed") while it runs; LabError("usage") for other bytes; LabError("unsupported") where it can't be replaced
   */
  restoreDisk(lab: string, id: NodeId, image: Uint8Array): Promise<void>;
  /** Removes the node and everything of it, running or not. */
  remove(lab: string, id: NodeId): Promise<void>;
  /** Pulls the cable. @throws LabError("unsupported") where there is none */
  unplug(lab: string, id: NodeId): Promise<void>;
  /** Puts the cable back, with the address that the node had. @throws LabError("unsupported"); LabError("failed") when the network is gone */
  plug(lab: string, id: NodeId): Promise<void>;
  /**
   * Removes the whole lab; safe to repeat, needs no state.
   * @returns what was removed; empty: there was nothing
   * @throws LabError("failed") naming what couldn't be removed
   */
  destroyLab(name: string, progress: Progress): Promise<readonly Leftover[]>;
  /** Lines of the nodes, by each node's own order. Ends with the signal; without `follow` when all is read. */
  logs(lab: string, nodes: readonly NodeId[], options: LogOptions): AsyncIterable<LogLine>;
  /**
   * One control request by a process inside the node's own namespace over loopback; its answer is the result in JSON.
   * @throws LabError("timeout"); LabError("failed") for a node that doesn't run or an answer that is none; LabError("unsupported") where
   * datagrams reach every node
   */
  controlExec(lab: string, id: NodeId, requestJson: string, timeoutMs: number): Promise<string>;
  /**
   * Runs a POSIX shell script as root inside the node's network namespace (kernel faults). A script that fails is a result.
   * @throws LabError("failed") for a node that doesn't run; LabError("unsupported") where nodes have no namespace
   */
  rootExec(
    lab: string,
    id: NodeId,
    script: string,
    options?: { detach?: boolean; stdin?: string },
  ): Promise<ExecResult>;
  /** Which kernel fault tools work inside a node, found by doing it once in a throw-away namespace; all false where nodes have none. */
  kernelFaults(progress: Progress): Promise<KernelFaults>;
  /** Instants at which nodes ended (`die`) or started, as the engine saw them. Ends with the signal. */
  events(
    lab: string,
    signal: AbortSignal,
  ): AsyncIterable<{ atMs: number; node: NodeId; what: "start" | "die" | "pause" | "unpause" | "oom" }>;
  /** What is under way in the lab, to be held in hand; absent where that can't be seen. */
  traffic?(lab: string): Traffic;
  /** Things that belong to no living lab. */
  leftovers(): Promise<readonly Leftover[]>;
  /** Removes leftovers; what is gone already is no error. */
  collect(leftovers: readonly Leftover[]): Promise<void>;
  /** Never throws for what it is to find: an engine that doesn't answer is a finding. */
  doctor(): Promise<readonly Finding[]>;
}

/** The folder in a container that keeps its faults: in the writable layer, so that they outlive a restart. */
export const FAULTS_DIR = "/run/lab/faults";
/** The netlink group to which rules send what they drop, for the tap. */
export const TAP_GROUP = 5;
/** The generation of the list that the container had last, kept when its faults are gone. */
export const FAULTS_VERSION = "/run/lab/faults.version";

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
