/** The library's arguments and results: plain data, units in the names (Ms: milliseconds, Bps: bits a second). */

import type { NodeId } from "../../node/wire/ids.ts";
import type { ProfileName } from "../../node/wire/profile.ts";
import type { CheckResult, Verdict, Violation } from "../check/verdict.ts";
import type { JournalDetail } from "../journal/detail.ts";
import type { Journal } from "../journal/journal.ts";

/** Where nodes live. `auto`: Docker where an engine answers, local processes otherwise. `sim`: virtual time, inside this process. */
export type Runtime = "auto" | "docker" | "swarm" | "local" | "sim";

export interface LabOptions {
  /** How many (ids 1 to N), or which: `{ 1: { credits: 500 }, 2: {}, 7: {} }`. Default: 3. */
  readonly nodes?: number | Readonly<Record<NodeId, NodeOptions>>;
  /** 1 to 40 of a-z, 0-9, - and _. Default: a name that no other lab has, so that test files can run side by side. */
  readonly name?: string;
  /** Timing. `fast` (the default here) detects and elects below a second, `default` below two, `original` in 10 to 20, as it did. */
  readonly profile?: ProfileName;
  /** Default: LAB_RUNTIME, else `auto`. */
  readonly runtime?: Runtime;
  /** Of a new account. Default: 100. */
  readonly credits?: number;
  /** Ids whose majority elects. Default: the first odd number of nodes, up to five. */
  readonly voters?: readonly NodeId[];
  /** What each container may use; other runtimes have no limits. Defaults: 1 GiB, and 1,024 processes and threads. */
  readonly memoryBytes?: number;
  readonly pids?: number;
  /** `DS_…` variables of every node. */
  readonly env?: Readonly<Record<string, string>>;
  /** Decides everything that is drawn in virtual time; ignored by the other runtimes. Default: 1. */
  readonly seed?: number;
  /**
   * How much the nodes write down. `events`: what changes; `detailed`: every delivery too, which checkers need; `wire` (the default
   * here): every message too, which pictures need.
   */
  readonly journal?: JournalDetail;
  /**
   * What the nodes run instead of the lab's own peers, as under `node:` in a lab file: `{ image: "mine", facts: […] }`. Paths are seen from
   * the working directory.
   */
  readonly node?: NodeProgram;
  /** How long the nodes may take to agree on a coordinator, or to be ready. Default: 60,000. */
  readonly withinMs?: number;
  /** Ends whatever is being waited for. */
  readonly signal?: AbortSignal;
  /** Called with the progress in words, while a lab starts or is waited for. */
  readonly onProgress?: (line: string) => void;
}

/** See compose/programs/README.md. */
export interface NodeProgram {
  readonly image?: string;
  /** A folder with a Dockerfile. */
  readonly build?: string;
  /** Words, or a line for `sh -c`. */
  readonly command?: string | readonly string[];
  readonly env?: Readonly<Record<string, string | number | boolean>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly ready?:
    | "health"
    | { readonly log: string }
    | { readonly exec: string | readonly string[] }
    | { readonly udp: number; readonly send: string };
  readonly network?: {
    readonly udp?: readonly number[];
    readonly groups?: readonly string[];
    readonly outside?: boolean;
  };
  readonly ask?: Readonly<Record<string, NodeQuestion>>;
  readonly tell?: Readonly<Record<string, NodeQuestion>>;
  readonly facts?: readonly {
    readonly match: string;
    readonly kind: string;
    readonly [field: string]: string | number | boolean;
  }[];
  /** `256MB`; default: 1 GB. */
  readonly memory?: string;
  readonly processes?: number;
}

export type NodeQuestion = { readonly as?: "json" | "lines" | "text" } & (
  | { readonly exec: string | readonly string[] }
  | { readonly udp: number; readonly send: string }
);

export interface NodeOptions {
  readonly credits?: number;
  /** Win over the lab's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A node as the engine and the node itself describe it. Fields are null while it doesn't answer. */
export interface NodeStatus {
  readonly id: NodeId;
  /** The engine's word. `unreachable`: its host in the swarm doesn't answer. */
  readonly status: "starting" | "running" | "paused" | "exited" | "created" | "unreachable";
  readonly role: "FOLLOWER" | "CANDIDATE" | "COORDINATOR" | null;
  /** `READY` when it takes part. */
  readonly phase: string | null;
  /** The node that it follows. */
  readonly coordinator: NodeId | null;
  readonly term: number | null;
  /** Whether a majority of the voters elected that coordinator. */
  readonly elected: boolean | null;
  readonly balance: number | null;
  /** Rises with every start that kept the disk. */
  readonly incarnation: number | null;
  readonly exitCode: number | null;
  /** The last value of each fact, of a program that isn't ours. */
  readonly facts?: Readonly<Record<string, string>>;
}

export interface TradeResult {
  /** The same at both nodes, and in the journal. */
  readonly tradeId: string;
  /** `settled`: on both disks. */
  readonly state: string;
  /** Of the node that was told to trade, afterwards. */
  readonly balance: number;
  /** The node's own words. */
  readonly text: string;
}

export interface Transfer {
  readonly tradeId: string;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly amount: number;
}

/** Impairment of the network between nodes; fractions are 0 to 1. */
export interface Netem {
  /** Nodes whose outgoing messages are impaired, at each receiver. */
  readonly node: NodeRef;
  /** Only what they send to these. */
  readonly to?: NodeRef;
  /** Only what these send to them. */
  readonly from?: NodeRef;
  /** The other way too. */
  readonly both?: boolean;
  /** One way. */
  readonly delayMs?: number;
  /** The delay varies by as much either way. */
  readonly jitterMs?: number;
  readonly loss?: number;
  readonly duplicate?: number;
  readonly reorder?: number;
  /** Bits a second; 0: no limit. */
  readonly rateBps?: number;
  /** Ends by itself then, even if this process is killed. Default: until healed. */
  readonly forMs?: number;
}

/** An id, several, or a selector as the command line takes it: `leader`, `followers`, `random`, `1-3`, `all`. */
export type NodeRef = NodeId | readonly NodeId[] | (string & {});

/** A fault that holds until it is healed; `await using` heals it at the end of the block. */
export interface Fault extends AsyncDisposable {
  /** As `lab faults` calls it: `f1`. */
  readonly id: string;
  /** In the command line's words: `partition 1,2 3,4,5`. */
  readonly what: string;
  /** Ends it; nothing happens when it has ended already. */
  heal(): Promise<void>;
}

/** The verdict of the checks over a run, and its proof. */
export interface CheckReport {
  readonly verdict: Verdict;
  /** Every broken promise, each with the journal lines that prove it. */
  readonly violations: readonly (Violation & { readonly check: string })[];
  readonly results: readonly CheckResult[];
  readonly journal: Journal;
}

type Compared = "==" | "!=" | "<" | "<=" | ">" | ">=";
type PeerStateName = "ALIVE" | "SUSPECTED" | "FAILED" | "LEFT";

/**
 * A condition to wait for. Several are joined by ` && `; `balance:2=130` and the other forms of `lab wait` are understood too.
 * - `agree`: all running nodes follow the same coordinator (each side for itself in a partition); `converged`: and have equal ledgers
 *   and nothing under way; `ready`: all take part
 * - `leader == 4`, `nodes == 5` (that are ready), `balance(2) == 130`
 * - `state(3) == FAILED`: how all other running nodes see node 3
 */
export type Condition =
  | "agree"
  | "converged"
  | "ready"
  | `leader ${Compared} ${number}`
  | `nodes ${Compared} ${number}`
  | `balance(${number}) ${Compared} ${number}`
  | `state(${number}) == ${PeerStateName}`
  | (string & {});

/** The result of a scenario that was played on a lab. */
export interface ScenarioOutcome {
  /** `failed`: a step didn't do what was expected; the others are the checkers' word. */
  readonly verdict: Verdict | "failed" | "interrupted";
  /** Why it isn't valid, in one sentence; empty when it is. */
  readonly reason: string;
  readonly steps: readonly {
    /** Where it stands in the file: `3`, `5.2`. */
    readonly path: string;
    /** As it stands there: `kill leader`. */
    readonly text: string;
    readonly state: "ok" | "failed" | "skipped" | "not reached" | "interrupted";
    /** The nodes that it meant when it fired, and the observation. */
    readonly resolved: string;
    readonly seen: string;
    /** In the time of the nodes. */
    readonly tookMs: number;
  }[];
  readonly checks: readonly CheckResult[];
  readonly journal: Journal;
}

export interface WaitOptions {
  /** Default: 30,000. */
  readonly withinMs?: number;
}
