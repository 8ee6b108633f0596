/**
 * Which nodes a command means: `3`, `1,2`, `1-3`, `leader`, `followers`, `random`, `all`, combined by commas.
 *
 * Idea: parsing and resolving are separate. A selector is resolved when the command fires, against what the cluster looks like at
 * that moment, and printed as resolved. Ids that are named must exist; words (`all`, `followers`, `random`, ranges too) mean those
 * of the existing nodes that the command can apply to.
 */
import type { NodeId } from "../node/wire/ids.ts";
import { LabError, noSuchNode } from "./errors.ts";

const WORDS = ["leader", "followers", "random", "all"] as const;
export type SelectorWord = (typeof WORDS)[number];

export type SelectorPart =
  | { readonly type: "id"; readonly id: NodeId }
  | { readonly type: "range"; readonly from: NodeId; readonly to: NodeId }
  | { readonly type: "word"; readonly word: SelectorWord };

/** What a selector is resolved against. */
export interface ClusterView {
  readonly lab: string;
  /** All nodes of the lab, ascending. */
  readonly nodes: readonly NodeId[];
  /** Those of them that the command can apply to (running ones for `kill`, exited ones for `start`). */
  readonly eligible: readonly NodeId[];
  /** Running and not paused. */
  readonly running: readonly NodeId[];
  /** Null: none, or not agreed. */
  readonly coordinator: NodeId | null;
}

/** Throws LabError("usage") for text that is no selector. */
export function parseSelector(text: string): readonly SelectorPart[] {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (parts.length === 0) throw new LabError("usage", `"${text}" names no node`, usageHint);
  return parts.map(parsePart);
}

/** Does resolving need to know who the coordinator is? */
export function needsCoordinator(parts: readonly SelectorPart[]): boolean {
  return parts.some((part) => part.type === "word" && (part.word === "leader" || part.word === "followers"));
}

/**
 * The nodes meant, in the order named, without doubles.
 * @param draw a number in [0, 1), for `random`
 * @throws LabError("notFound") when a named node doesn't exist, or a word means nobody
 */
export function resolveSelector(
  parts: readonly SelectorPart[],
  view: ClusterView,
  draw: () => number,
): readonly NodeId[] {
  const chosen = new Set<NodeId>();
  for (const part of parts) for (const id of resolvePart(part, view, draw)) chosen.add(id);
  return [...chosen];
}

const usageHint = "write 3, 1,2 or 1-3, or one of leader, followers, random, all";

function parsePart(text: string): SelectorPart {
  const range = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  if (range !== null) {
    const [from, to] = [toId(range[1]), toId(range[2])];
    if (from > to) throw new LabError("usage", `the range ${text} ends before it begins`, `write ${to}-${from}`);
    return { type: "range", from, to };
  }
  if (/^\d+$/.test(text)) return { type: "id", id: toId(text) };
  const word = WORDS.find((candidate) => candidate === text || aliases[text] === candidate);
  if (word === undefined) throw new LabError("usage", `"${text}" names no node`, usageHint);
  return { type: "word", word };
}

const aliases: Readonly<Record<string, SelectorWord>> = { coordinator: "leader", follower: "followers" };

function toId(text: string | undefined): NodeId {
  const id = Number(text);
  if (Number.isInteger(id) && id >= 1 && id <= 65_535) return id;
  throw new LabError("usage", `${text} can't be a node's number`, "nodes have numbers from 1 to 65535");
}

function resolvePart(part: SelectorPart, view: ClusterView, draw: () => number): readonly NodeId[] {
  if (part.type === "id") {
    if (!view.nodes.includes(part.id)) throw noSuchNode(view.lab, part.id, view.nodes);
    return [part.id];
  }
  if (part.type === "range") {
    const found = view.nodes.filter((id) => id >= part.from && id <= part.to);
    if (found.length === 0) throw noSuchNode(view.lab, part.from, view.nodes);
    return found;
  }
  return resolveWord(part.word, view, draw);
}

function resolveWord(word: SelectorWord, view: ClusterView, draw: () => number): readonly NodeId[] {
  switch (word) {
    case "all":
      if (view.nodes.length === 0) throw nobody(view, "it has no nodes", "start it again with `lab up`");
      return view.eligible;
    case "leader":
      if (view.coordinator === null) {
        throw nobody(view, "it has no coordinator at the moment", "wait for one with `lab wait agree`");
      }
      return [view.coordinator];
    case "followers": {
      if (view.coordinator === null) {
        throw nobody(view, "it has no coordinator at the moment", "wait for one with `lab wait agree`");
      }
      const followers = view.running.filter((id) => id !== view.coordinator && view.eligible.includes(id));
      if (followers.length === 0) throw nobody(view, "its coordinator has no followers", "see `lab ps`");
      return followers;
    }
    case "random": {
      const id = view.eligible[Math.floor(draw() * view.eligible.length)];
      if (id === undefined) throw nobody(view, "none of its nodes fits", "see `lab ps`");
      return [id];
    }
  }
}

function nobody(view: ClusterView, why: string, hint: string): LabError {
  return new LabError("notFound", `lab "${view.lab}": ${why}`, hint);
}
