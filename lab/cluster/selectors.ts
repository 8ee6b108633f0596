/**
 * Which nodes a command means: `3`, `1,2`, `1-3`, `leader`, `followers`, `random`, `random(2)`, `majority`, `minority`, `all`, on a swarm
 * `host:h2` and `zone:eu`, combined by commas.
 *
 * Idea: parsing and resolving are separate. A selector is resolved when the command fires, against what the cluster looks like at
 * that moment, and printed as resolved. Ids that are named must exist; words (`all`, `followers`, `random`, ranges too) mean those
 * of the existing nodes that the command can apply to.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Hint } from "../base/hint.ts";
import { LabError, noSuchNode } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { didYouMean } from "../base/suggest.ts";
import { majorityOf } from "./plan-lab.ts";

const WORDS = ["leader", "followers", "majority", "minority", "all"] as const;
export type SelectorWord = (typeof WORDS)[number];

export type SelectorPart =
  | { readonly type: "id"; readonly id: NodeId }
  | { readonly type: "range"; readonly from: NodeId; readonly to: NodeId }
  | { readonly type: "random"; readonly count: number }
  | { readonly type: "place"; readonly kind: PlaceKind; readonly name: string }
  | { readonly type: "word"; readonly word: SelectorWord };

type PlaceKind = "host" | "zone";

/** The state of the cluster that a selector is resolved against. */
export interface ClusterView {
  readonly lab: string;
  /** All nodes of the lab, ascending. */
  readonly nodes: readonly NodeId[];
  /** Those of them that the command can apply to (running ones for `kill`, exited ones for `start`). */
  readonly eligible: readonly NodeId[];
  /** Running and not paused. */
  readonly running: readonly NodeId[];
  /** The nodes whose majority elects; empty: all count alike. */
  readonly voters: readonly NodeId[];
  /** Null: none, or not agreed. */
  readonly coordinator: NodeId | null;
  /** Where nodes are; of labs on one host nobody is anywhere. */
  readonly places: ReadonlyMap<NodeId, { readonly host?: string; readonly zone?: string }>;
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
 * The nodes that each selector of one command means, in the order named, without doubles; `majority` and `minority` in them are the two halves
 * of the same draw.
 * @param draw a number in [0, 1), for what is left to chance
 * @throws LabError("notFound") when a named node doesn't exist, or a word means nobody
 */
export function resolveGroups(
  groups: readonly (readonly SelectorPart[])[],
  view: ClusterView,
  draw: () => number,
): readonly (readonly NodeId[])[] {
  let halves: Halves | undefined;
  const drawHalves = (): Halves => {
    halves ??= halve(view, draw);
    return halves;
  };
  return groups.map((parts) => {
    const chosen = new Set<NodeId>();
    for (const part of parts) for (const id of resolvePart(part, view, { draw, drawHalves })) chosen.add(id);
    return [...chosen];
  });
}

interface Halves {
  readonly majority: readonly NodeId[];
  readonly minority: readonly NodeId[];
}

interface Chance {
  readonly draw: () => number;
  readonly drawHalves: () => Halves;
}

/** More than half of the nodes, with more than half of the voters among them, and the rest: together all that the command can apply to. */
function halve(view: ClusterView, draw: () => number): Halves {
  const order = shuffle(view.eligible, draw);
  const isVoter = (id: NodeId) => view.voters.includes(id);
  const voters = order.filter(isVoter);
  const needed = view.voters.length === 0 ? 0 : majorityOf(view.voters.length);
  const core = voters.slice(0, needed);
  const others = order.filter((id) => !core.includes(id));
  // The rest of the voters come last: the majority has as few of them as it needs.
  const filling = [...others.filter((id) => !isVoter(id)), ...others.filter(isVoter)];
  const missing = Math.max(0, majorityOf(order.length) - core.length);
  const majority = [...core, ...filling.slice(0, missing)].sort((a, b) => a - b);
  return { majority, minority: view.eligible.filter((id) => !majority.includes(id)) };
}

/** Fisher and Yates. */
function shuffle(ids: readonly NodeId[], draw: () => number): readonly NodeId[] {
  const order = [...ids];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    [order[i], order[j]] = [order[j] as NodeId, order[i] as NodeId];
  }
  return order;
}

const usageHint =
  "write 3, 1,2 or 1-3, or one of leader, followers, random, random(2), majority, minority, all; on a swarm host:h2 or zone:eu";

function parsePart(text: string): SelectorPart {
  const range = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  if (range !== null) {
    const [from, to] = [toId(range[1]), toId(range[2])];
    if (from > to) throw new LabError("usage", `the range ${text} ends before it begins`, `write ${to}-${from}`);
    return { type: "range", from, to };
  }
  if (/^\d+$/.test(text)) return { type: "id", id: toId(text) };
  const random = /^random(?:\(([1-9]\d{0,2})\))?$/.exec(text);
  if (random !== null) return { type: "random", count: Number(random[1] ?? 1) };
  const place = /^(host|zone):([\w.-]{1,63})$/.exec(text);
  if (place !== null) return { type: "place", kind: place[1] as PlaceKind, name: place[2] ?? "" };
  const word = WORDS.find((candidate) => candidate === text || aliases[text] === candidate);
  if (word === undefined) {
    const hint = didYouMean(text, [...WORDS, "random", "random(2)"], usageHint);
    throw new LabError("usage", `"${text}" names no node`, hint);
  }
  return { type: "word", word };
}

const aliases: Readonly<Record<string, SelectorWord>> = { coordinator: "leader", follower: "followers" };

function toId(text: string | undefined): NodeId {
  const id = Number(text);
  if (Number.isInteger(id) && id >= 1 && id <= 65_535) return id;
  throw new LabError("usage", `${text} can't be a node's number`, "nodes have numbers from 1 to 65535");
}

function resolvePart(part: SelectorPart, view: ClusterView, chance: Chance): readonly NodeId[] {
  if (part.type === "id") {
    if (!view.nodes.includes(part.id)) throw noSuchNode(view.lab, part.id, view.nodes);
    return [part.id];
  }
  if (part.type === "range") {
    const found = view.nodes.filter((id) => id >= part.from && id <= part.to);
    if (found.length === 0) throw noSuchNode(view.lab, part.from, view.nodes);
    return found;
  }
  if (part.type === "random") {
    if (view.eligible.length === 0) throw nobody(view, "no node fits", NEXT.listNodes());
    if (view.eligible.length < part.count)
      throw nobody(
        view,
        `only ${view.eligible.length} nodes fit, and random(${part.count}) needs more`,
        NEXT.listNodes(),
      );
    if (part.count === 1) return [view.eligible[Math.floor(chance.draw() * view.eligible.length)] as NodeId];
    return shuffle(view.eligible, chance.draw)
      .slice(0, part.count)
      .sort((a, b) => a - b);
  }
  if (part.type === "place") return resolvePlace(part.kind, part.name, view);
  return resolveWord(part.word, view, chance);
}

function resolvePlace(kind: PlaceKind, name: string, view: ClusterView): readonly NodeId[] {
  const there = view.nodes.filter((id) => view.places.get(id)?.[kind] === name);
  if (there.length > 0) return there.filter((id) => view.eligible.includes(id));
  const known = [...new Set([...view.places.values()].map((place) => place[kind]))].filter(
    (other) => other !== undefined,
  );
  const others = known.length === 0 ? "" : ` (there are some in ${known.toSorted().join(", ")})`;
  throw nobody(view, `no node is on ${kind} ${name}${others}`, NEXT.listNodes());
}

function resolveWord(word: SelectorWord, view: ClusterView, chance: Chance): readonly NodeId[] {
  switch (word) {
    case "all":
      if (view.nodes.length === 0) throw nobody(view, "it has no nodes", NEXT.startLab());
      return view.eligible;
    case "leader":
      if (view.coordinator === null) {
        throw nobody(view, "it has no coordinator at the moment", NEXT.waitForAgreement());
      }
      return [view.coordinator];
    case "followers": {
      if (view.coordinator === null) {
        throw nobody(view, "it has no coordinator at the moment", NEXT.waitForAgreement());
      }
      const followers = view.running.filter((id) => id !== view.coordinator && view.eligible.includes(id));
      if (followers.length === 0) throw nobody(view, "its coordinator has no followers", NEXT.listNodes());
      return followers;
    }
    case "majority":
    case "minority": {
      const half = chance.drawHalves()[word];
      if (half.length === 0) throw nobody(view, `no nodes make a ${word}`, NEXT.listNodes());
      return half;
    }
  }
}

function nobody(view: ClusterView, why: string, hint: Hint): LabError {
  return new LabError("notFound", `lab "${view.lab}": ${why}`, hint);
}
