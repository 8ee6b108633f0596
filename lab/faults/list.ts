/**
 * Changes of the fault list: pure functions from one list to the next.
 *
 * On one pair any number of cuts (partition, isolate) hold side by side, so healing one leaves the others; of `netem` there is
 * one: a later command replaces the earlier one's parameters as a whole, so that what was typed last is what holds.
 */
import type { Impairment } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import type { Pair } from "./expand.ts";
import type { Fault, FaultKind, FaultList } from "./fault.ts";

export interface NewFault {
  readonly cause: string;
  readonly kind: FaultKind;
  readonly pairs: readonly Pair[];
  readonly impairment: Impairment;
  readonly untilMs: number | null;
  readonly egress: boolean;
}

export interface Change {
  readonly list: FaultList;
  /** The new fault's id. */
  readonly id: string;
  readonly added: readonly Fault[];
  /** Earlier `netem` of the same pairs, which no longer holds. */
  readonly replaced: readonly Fault[];
}

export function addFault(list: FaultList, fault: NewFault): Change {
  const id = `f${list.nextId}`;
  const { pairs, ...shared } = fault;
  const added = pairs.map((pair): Fault => ({ id, ...shared, ...pair }));
  const keys = new Set(added.map(keyOf));
  // A cut stacks, everything else of one kind on one pair is replaced.
  const isReplaced = (old: Fault): boolean => isExclusive(old) && old.kind === fault.kind && keys.has(keyOf(old));
  return {
    list: {
      ...list,
      generation: list.generation + 1,
      nextId: list.nextId + 1,
      faults: [...list.faults.filter((old) => !isReplaced(old)), ...added],
    },
    id,
    added,
    replaced: list.faults.filter(isReplaced),
  };
}

/** The faults that `heal` ends: all of them, one fault by its id, all that touches these nodes, or only their pulled cables. */
export type HealTarget =
  | { readonly all: true }
  | { readonly id: string }
  | { readonly nodes: readonly NodeId[] }
  | { readonly cables: readonly NodeId[] };

export function healFaults(
  list: FaultList,
  target: HealTarget,
): { readonly list: FaultList; readonly healed: readonly Fault[] } {
  const isHealed = (fault: Fault): boolean => {
    if ("all" in target) return true;
    if ("id" in target) return fault.id === target.id;
    if ("cables" in target) return fault.kind === "unplug" && target.cables.includes(fault.to);
    return target.nodes.includes(fault.from) || target.nodes.includes(fault.to);
  };
  const healed = list.faults.filter(isHealed);
  if (healed.length === 0) return { list, healed };
  return {
    list: { ...list, generation: list.generation + 1, faults: list.faults.filter((fault) => !isHealed(fault)) },
    healed,
  };
}

/** Without the faults whose time is over. The nodes ended those by themselves, so this is no new generation. */
export function dropExpired(list: FaultList, nowMs: number): FaultList {
  const faults = list.faults.filter((fault) => fault.untilMs === null || fault.untilMs > nowMs);
  return faults.length === list.faults.length ? list : { ...list, faults };
}

/**
 * Fits the list to the nodes that the lab has now: forgets pairs with a node that was removed, and lets a node that joined take
 * its place wherever a fault means "every other node".
 */
export function fitToNodes(list: FaultList, nodes: readonly NodeId[]): FaultList {
  const present = new Set(nodes);
  const kept = list.faults.filter((fault) => present.has(fault.from) && present.has(fault.to));
  const joined: Fault[] = [];
  for (const group of groupById(kept)) {
    const covered = new Set(group.flatMap((fault) => [fault.from, fault.to]));
    for (const node of nodes) {
      if (covered.has(node)) continue;
      const pairs = group.flatMap((fault): Fault[] => {
        if (fault.openEnd === null) return [];
        return [fault.openEnd === "to" ? { ...fault, to: node } : { ...fault, from: node }];
      });
      joined.push(...new Map(pairs.map((fault) => [keyOf(fault), fault])).values());
    }
  }
  const isFitting = Object.keys(list.nodes).every((node) => present.has(Number(node)));
  if (joined.length === 0 && kept.length === list.faults.length && isFitting) return list;
  const known = Object.entries(list.nodes).filter(([node]) => present.has(Number(node)));
  return {
    ...list,
    generation: list.generation + 1,
    faults: [...kept, ...joined],
    nodes: Object.fromEntries(known),
  };
}

/** The faults of each command, in order of their ids. */
export function groupById(faults: readonly Fault[]): readonly (readonly [Fault, ...Fault[]])[] {
  const groups = new Map<string, [Fault, ...Fault[]]>();
  for (const fault of faults) {
    const group = groups.get(fault.id);
    if (group === undefined) groups.set(fault.id, [fault]);
    else group.push(fault);
  }
  return [...groups.values()].sort(([a], [b]) => Number(a.id.slice(1)) - Number(b.id.slice(1)));
}

/** A node's own copy of the faults on its receiving side. */
export interface NodeCopy {
  readonly node: NodeId;
  readonly generation: number;
  readonly nextId: number;
  readonly faults: readonly Fault[];
}

/**
 * The list with what these nodes have instead of what it believed of them. A fault of another list gets a number of its own where
 * this one has given that number to something else.
 */
export function adoptCopies(list: FaultList, copies: readonly NodeCopy[]): FaultList {
  const nodes = new Set(copies.map((copy) => copy.node));
  const faults = list.faults.filter((fault) => fault.kind === "unplug" || !nodes.has(fault.to));
  let nextId = Math.max(list.nextId, ...copies.map((copy) => copy.nextId));
  const names = new Map<string, string>();
  for (const fault of copies.flatMap((copy) => copy.faults)) {
    const name = `${fault.id} ${fault.cause}`;
    const isOurs = list.faults.some((own) => own.id === fault.id && own.cause === fault.cause);
    const isTaken =
      !isOurs && [...list.faults, ...faults].some((own) => own.id === fault.id && own.cause !== fault.cause);
    if (!names.has(name)) names.set(name, isTaken ? `f${nextId++}` : fault.id);
    faults.push({ ...fault, id: names.get(name) ?? fault.id });
  }
  const generation = Math.max(list.generation, ...copies.map((copy) => copy.generation));
  return { ...list, generation, nextId, faults };
}

/** A number that nobody else makes: of two people who change a list at one time, the nodes take the first. */
export function stamp(list: FaultList, nowMs: number): FaultList {
  return { ...list, generation: Math.max(list.generation, Math.floor(nowMs)) };
}

function isExclusive(fault: Fault): boolean {
  return fault.kind === "netem" || fault.kind === "unplug";
}

function keyOf(fault: Pick<Fault, "from" | "to" | "egress">): string {
  return `${fault.from}>${fault.to}${fault.egress ? " egress" : ""}`;
}
