/**
 * The cluster at one instant: what every picture of the page is drawn from. fold-entry.ts adds what nodes say, a line at a time;
 * standing.ts adds what the story of the run says of processes and links; history.ts keeps copies to start from.
 */
import type { Fault } from "../../journal/story/link-faults.ts";

export type Role = "FOLLOWER" | "CANDIDATE" | "COORDINATOR";
export type MemberState = "UNKNOWN" | "ALIVE" | "SUSPECTED" | "FAILED" | "LEFT";

/** `killed`, `stopped`: no process; `left`: it said goodbye; `paused`: frozen, it neither runs nor knows that it doesn't. */
export type ProcessState = "running" | "paused" | "killed" | "stopped" | "left";

export interface MemberView {
  readonly state: MemberState;
  readonly sinceMs: number;
}

/** A record that came before its causes and waits for them. */
export interface Held {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
  readonly sinceMs: number;
}

export interface NodeState {
  readonly id: number;
  /** Of the process that wrote last; 0: its store isn't open yet. */
  inc: number;
  process: ProcessState;
  unplugged: boolean;
  /** JOINING, SYNCING, READY, RECOVERING, HALTED, CONFLICT, LEAVING. */
  phase: string;
  role: Role;
  term: number;
  elected: boolean;
  /** Whom it follows; itself, when it leads. */
  coordinator: number | null;
  /** Its own word about its own account; null: it hasn't said yet. */
  balance: number | null;
  /** How it sees the others. */
  members: Map<number, MemberView>;
  /** When it last received anything of another node; journals without datagrams have none of it. */
  heardAt: Map<number, number>;
  /** Its copy of the ledger: the balance of each account that it knows; and what those accounts began with. */
  books: Map<number, number>;
  issued: number;
  /** Debits of each account that it has delivered: its vector clock. */
  clock: Map<number, number>;
  held: Map<string, Held>;
  /** Entries that it has written so far. */
  written: number;
}

export type TradeStage = "offered" | "committed";

/** A trade under way. `committed`: the payer has paid and the payee hasn't got it yet. */
export interface TradeView {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
  readonly stage: TradeStage;
  readonly sinceMs: number;
}

export interface StepView {
  readonly path: string;
  readonly state: "begin" | "end" | "failed";
  readonly detail: string;
  readonly sinceMs: number;
}

export interface ClusterState {
  /** Of the last entry in it. */
  atMs: number;
  nodes: Map<number, NodeState>;
  /** What each account began with. */
  accounts: Map<number, number>;
  /** In force; pulled cables are the nodes' own. */
  faults: readonly Fault[];
  trades: Map<string, TradeView>;
  settled: number;
  refused: number;
  /** Of a scenario, by path. */
  steps: Map<string, StepView>;
}

export function createClusterState(): ClusterState {
  return {
    atMs: 0,
    nodes: new Map(),
    accounts: new Map(),
    faults: [],
    trades: new Map(),
    settled: 0,
    refused: 0,
    steps: new Map(),
  };
}

export function createNodeState(id: number): NodeState {
  return {
    id,
    inc: 0,
    process: "running",
    unplugged: false,
    phase: "JOINING",
    role: "FOLLOWER",
    term: 0,
    elected: false,
    coordinator: null,
    balance: null,
    members: new Map(),
    heardAt: new Map(),
    books: new Map(),
    issued: 0,
    clock: new Map(),
    held: new Map(),
    written: 0,
  };
}

/** A copy that shares nothing that is ever changed in place. */
export function copyClusterState(state: ClusterState): ClusterState {
  const nodes = new Map<number, NodeState>();
  for (const [id, node] of state.nodes) {
    nodes.set(id, {
      ...node,
      members: new Map(node.members),
      heardAt: new Map(node.heardAt),
      books: new Map(node.books),
      clock: new Map(node.clock),
      held: new Map(node.held),
    });
  }
  return {
    ...state,
    nodes,
    accounts: new Map(state.accounts),
    trades: new Map(state.trades),
    steps: new Map(state.steps),
  };
}

export function isUp(node: NodeState): boolean {
  return node.process === "running" || node.process === "paused";
}

export function idsOf(state: ClusterState): readonly number[] {
  return [...state.nodes.keys()].sort((a, b) => a - b);
}
