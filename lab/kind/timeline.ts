/** What nodes of a run said of themselves at each moment, which of them ran, and whether all could hear each other. Pure. */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Entry } from "../journal/entry.ts";
import type { Journal } from "../journal/journal.ts";
import { readLabAction } from "../journal/lab-entry.ts";
import { isHolder } from "./program-lines.ts";

export interface Moment {
  readonly atMs: number;
  /** The line that made it; null: the end of a fault that ended by itself. */
  readonly entry: Entry | null;
  readonly running: ReadonlySet<NodeId>;
  /** No fault of the network holds, and no node is paused. */
  readonly isWhole: boolean;
  /** A number that means the node itself is given for `yes`. */
  readonly saidBy: (id: NodeId, fact: string) => string | undefined;
  readonly holders: (fact: string) => readonly NodeId[];
  /** For expressions: `{ nodes: [{ id, status, ...facts }] }`. */
  readonly state: () => object;
}

export function timelineOf(journal: Journal): readonly Moment[] {
  const facts = new Map<NodeId, Readonly<Record<string, string>>>();
  const running = new Set<NodeId>();
  const paused = new Map<NodeId, number>();
  const faults = new Map<string, number>();
  const moments: Moment[] = [];
  const add = (atMs: number, entry: Entry | null): void => {
    for (const [name, until] of faults) if (until <= atMs) faults.delete(name);
    for (const [id, until] of paused) if (until <= atMs) paused.delete(id);
    moments.push(momentOf(atMs, entry, new Map(facts), new Set(running), faults.size + paused.size === 0));
  };
  for (const entry of [...journal.entries].sort((a, b) => a.time - b.time)) {
    const { node, time, fact, value } = entry;
    if (node !== 0) {
      // Only what it writes shows that it runs: its helper keeps the network of a dead node, so the tap still sees arrivals there.
      if (entry.kind === "local" || entry.kind === "state") running.add(node);
      if (typeof fact === "string" && typeof value === "string") facts.set(node, { ...facts.get(node), [fact]: value });
    } else follow(entry, { facts, running, paused, faults });
    add(time, entry);
  }
  return moments;
}

interface World {
  readonly facts: Map<NodeId, Readonly<Record<string, string>>>;
  readonly running: Set<NodeId>;
  readonly paused: Map<NodeId, number>;
  readonly faults: Map<string, number>;
}

function follow(entry: Entry, { facts, running, paused, faults }: World): void {
  const action = readLabAction(entry);
  switch (action?.action) {
    case "kill":
    case "stop":
    case "died":
    case "remove":
      if (action.action === "kill" && !["SIGKILL", "SIGTERM", "SIGINT"].includes(action.signal)) return;
      for (const id of action.nodes) for (const part of [running, facts, paused]) part.delete(id);
      return;
    case "pause":
      for (const id of action.nodes) paused.set(id, action.untilMs ?? Number.POSITIVE_INFINITY);
      return;
    case "resume":
      for (const id of action.nodes) paused.delete(id);
      return;
    case "impair":
      faults.set(action.fault, action.untilMs ?? Number.POSITIVE_INFINITY);
      return;
    case "unplug":
      faults.set(action.fault, Number.POSITIVE_INFINITY);
      return;
    case "heal":
      for (const name of action.healed) faults.delete(name);
      return;
  }
}

function momentOf(
  atMs: number,
  entry: Entry | null,
  facts: ReadonlyMap<NodeId, Readonly<Record<string, string>>>,
  running: ReadonlySet<NodeId>,
  isWhole: boolean,
): Moment {
  const saidBy = (id: NodeId, fact: string): string | undefined => {
    const value = facts.get(id)?.[fact];
    return value !== undefined && isHolder(id, value) ? String(id) : value;
  };
  return {
    atMs,
    entry,
    running,
    isWhole,
    saidBy,
    holders: (fact) => [...running].filter((id) => isHolder(id, facts.get(id)?.[fact])).sort((a, b) => a - b),
    state: () => ({
      nodes: [...running].sort((a, b) => a - b).map((id) => ({ ...facts.get(id), id, status: "running" })),
    }),
  };
}
