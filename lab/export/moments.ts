/** The moments that a person would tell of, in a few words each: elections, suspicions, trades, starts and ends. */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Entry } from "../journal/entry.ts";
import { readLabAction } from "../journal/lab-entry.ts";
import type { Life } from "./lives.ts";

export interface Moment {
  readonly node: NodeId;
  readonly atMs: number;
  readonly kind:
    | "start"
    | "killed"
    | "left"
    | "ready"
    | "election"
    | "crown"
    | "provisional"
    | "follows"
    | "suspected"
    | "failed"
    | "back"
    | "paid"
    | "credited"
    | "delivered"
    | "trouble";
  /** A few words for a picture: `−30 = 70`. */
  readonly text: string;
  readonly entry: Entry;
}

export function findMoments(entries: readonly Entry[], lives: readonly Life[], originMs: number): readonly Moment[] {
  const begun = new Set<string>();
  const roles = new Map<NodeId, string>();
  const moments: Moment[] = [];
  for (const entry of entries) {
    const atMs = entry.time - originMs;
    for (const node of wipedBy(entry)) moments.push({ node, atMs, kind: "trouble", text: "disk lost", entry });
    for (const node of killedBy(entry)) moments.push({ node, atMs, kind: "killed", text: "killed", entry });
    if (entry.node === 0) continue;
    const life = `${entry.node}.${entry.inc}`;
    if (entry.inc > 0 && !begun.has(life)) {
      begun.add(life);
      // The first life begins where the picture begins.
      if (entry.inc > 1) moments.push({ node: entry.node, atMs, kind: "start", text: `life ${entry.inc}`, entry });
    }
    const told = describe(entry, roles);
    if (told !== null) moments.push({ node: entry.node, atMs, entry, ...told });
  }
  for (const life of lives) {
    const last =
      life.end === "left" ? entries.findLast(({ node, inc }) => node === life.node && inc === life.inc) : undefined;
    if (last !== undefined) moments.push({ node: life.node, atMs: life.toMs, kind: "left", text: "left", entry: last });
  }
  return moments.sort((a, b) => a.atMs - b.atMs);
}

function killedBy(entry: Entry): readonly NodeId[] {
  const action = readLabAction(entry);
  return action?.action === "kill" && action.signal === "SIGKILL" ? action.nodes : [];
}

function wipedBy(entry: Entry): readonly NodeId[] {
  const action = readLabAction(entry);
  return action?.action === "wipe" ? action.nodes : [];
}

type Told = Pick<Moment, "kind" | "text">;

/** @param roles what each node was last seen as: an election's line counts when it says something new */
function describe(entry: Entry, roles: Map<NodeId, string>): Told | null {
  switch (entry.kind) {
    case "election":
      return describeRole(entry, roles);
    case "member":
      if (entry.state === "SUSPECTED") return { kind: "suspected", text: `${entry.peer ?? "a peer"} suspected` };
      if (entry.state === "FAILED") return { kind: "failed", text: `${entry.peer ?? "a peer"} failed` };
      return entry.state === "ALIVE" && !entry.msg.startsWith("Discovered")
        ? { kind: "back", text: `${entry.peer ?? "a peer"} alive` }
        : null;
    case "trade":
      return entry.outcome === "committed" && entry.amount !== undefined
        ? { kind: "paid", text: describeSum("−", entry) }
        : null;
    case "deliver":
      if (entry.to !== entry.node || entry.amount === undefined) return { kind: "delivered", text: "" };
      return { kind: "credited", text: describeSum("+", entry) };
    case "state":
      if (entry.msg.endsWith(" is READY")) return { kind: "ready", text: "ready" };
      return entry.level === "error" ? { kind: "trouble", text: entry.msg.slice(0, 40) } : null;
    default:
      return null;
  }
}

/** `−30 = 70`: what was paid or credited, and what it leaves. */
function describeSum(sign: string, { amount, balance }: Entry): string {
  return `${sign}${amount}${balance === undefined ? "" : ` = ${balance}`}`;
}

function describeRole({ node, inc, role, term, elected, coordinator }: Entry, roles: Map<NodeId, string>): Told | null {
  if (role === undefined) return null;
  const now = `${inc} ${role} ${role === "CANDIDATE" ? "" : `${term} ${elected} ${coordinator}`}`;
  if (roles.get(node) === now) return null;
  roles.set(node, now);
  if (role === "CANDIDATE") return { kind: "election", text: "election" };
  if (role === "COORDINATOR")
    return elected === true
      ? { kind: "crown", text: `leads, term ${term ?? 0}` }
      : { kind: "provisional", text: `provisional, term ${term ?? 0}` };
  return coordinator === null || coordinator === undefined ? null : { kind: "follows", text: `follows ${coordinator}` };
}
