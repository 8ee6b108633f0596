/**
 * The lab's own actions, as lines of the journal with node 0 and kind `fault`: `action` says what, the other fields whom and how.
 * Everything that bends a run is here, so that checkers know what was allowed to fail and pictures can show it.
 */
import type { Impairment } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import type { Entry } from "./entry.ts";

export type LabAction =
  | {
      readonly action: "up";
      readonly nodes: readonly NodeId[];
      readonly voters: readonly NodeId[];
      readonly profile: string;
    }
  | { readonly action: "scale"; readonly added: readonly NodeId[]; readonly removed: readonly NodeId[] }
  | { readonly action: "kill"; readonly nodes: readonly NodeId[]; readonly signal: string }
  | { readonly action: "stop" | "start" | "resume" | "remove" | "leave"; readonly nodes: readonly NodeId[] }
  /**
   * A process ended without the lab's doing (`docker kill`, `kill -9`, out of memory), as the engine says: written by the next command that
   * inspects the engine, so `atMs`, the engine's wall clock, lies before the line's own time; null: the engine doesn't know when. One line a node: `nodes` has one member
   * (`node` is 0 in each of the lab's lines).
   */
  | {
      readonly action: "died";
      readonly nodes: readonly NodeId[];
      readonly atMs: number | null;
      /** Null: the engine doesn't know. */
      readonly exitCode: number | null;
      /** The kernel ended it because memory ran out. */
      readonly oom: boolean;
      /** `SIGKILL`, where the engine knows what ended it. */
      readonly signal?: string;
    }
  /** Nodes that run a program of somebody else were given an order of the lab file. */
  | { readonly action: "tell"; readonly nodes: readonly NodeId[]; readonly order: string }
  /** Their disks were replaced by empty ones. */
  | { readonly action: "wipe"; readonly nodes: readonly NodeId[] }
  /** An older copy of their disks was put back. */
  | { readonly action: "restore"; readonly nodes: readonly NodeId[] }
  /** `untilMs`: wall clock of its planned end; null: until somebody resumes it. */
  | { readonly action: "pause"; readonly nodes: readonly NodeId[]; readonly untilMs: number | null }
  | {
      readonly action: "impair";
      /** `f1`, `f2`, …: `heal` names it. */
      readonly fault: string;
      /** Directed. The same node twice: what it sends, to everybody alike. */
      readonly pairs: readonly { readonly from: NodeId; readonly to: NodeId }[];
      readonly impairment: Impairment;
      readonly untilMs: number | null;
    }
  | { readonly action: "unplug"; readonly fault: string; readonly nodes: readonly NodeId[] }
  | { readonly action: "heal"; readonly healed: readonly string[]; readonly plugged: readonly NodeId[] }
  /** Somebody looks: the run goes on until here at least. */
  | { readonly action: "check" }
  | { readonly action: "keys"; readonly nodes: readonly NodeId[] }
  /** A scenario's own words: which step begins or ends, what was expected and what was seen. */
  | {
      readonly action: "step";
      readonly path: string;
      readonly state: "begin" | "end" | "failed";
      readonly detail?: string;
    }
  /** An order given to a node's control channel by a load generator or a step, and what came of it. */
  | {
      readonly action: "order";
      readonly request: string;
      readonly op: "sell" | "buy";
      /** Whom it was given to. (`node` is 0 in each of these lines.) */
      readonly by: NodeId;
      readonly peer: NodeId;
      readonly amount: number;
      /** `open`: no final answer in time. */
      readonly result: "begin" | "settled" | "committed" | "refused" | "open";
      readonly trade?: string;
      readonly code?: string;
      /** Of a refusal: it certainly didn't and never will happen. */
      readonly definite?: boolean;
    };

/** Fields that hold lists: a reader goes through them without asking. */
const LISTS = {
  up: ["nodes", "voters"],
  scale: ["added", "removed"],
  kill: ["nodes"],
  stop: ["nodes"],
  start: ["nodes"],
  resume: ["nodes"],
  remove: ["nodes"],
  leave: ["nodes"],
  died: ["nodes"],
  tell: ["nodes"],
  wipe: ["nodes"],
  restore: ["nodes"],
  pause: ["nodes"],
  impair: ["pairs"],
  unplug: ["nodes"],
  heal: ["healed", "plugged"],
  check: [],
  keys: ["nodes"],
  step: [],
  order: [],
} as const satisfies Record<LabAction["action"], readonly string[]>;

/** Null: an entry of a node, an action that this version doesn't know, or a line that isn't whole. */
export function readLabAction(entry: Entry): LabAction | null {
  if (entry.node !== 0 || typeof entry.action !== "string" || !Object.hasOwn(LISTS, entry.action)) return null;
  const lists = LISTS[entry.action as LabAction["action"]];
  return lists.every((name) => Array.isArray(entry[name])) ? (entry as unknown as LabAction) : null;
}
