/** The moments that a person would tell of, in a few words each: elections, suspicions, trades, starts and ends. */
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Entry } from "../../journal/entry.ts";
import { readLabAction } from "../../journal/lab-entry.ts";
import type { EndCause } from "../../journal/story/lives.ts";
import type { Story } from "../../journal/story/story.ts";

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

/** In the order in which they happened. */
export function findMoments(entries: readonly Entry[], story: Story): readonly Moment[] {
  const begun = new Set<string>();
  const roles = new Map<NodeId, string>();
  const seen = new Set<string>();
  const moments: Moment[] = [];
  for (const entry of entries) {
    const { node, inc, time: atMs } = entry;
    moments.push(...diskMoments(entry, atMs));
    if (node === 0) continue;
    const life = `${node}.${inc}`;
    if (inc > 0 && !begun.has(life)) {
      begun.add(life);
      // The first life begins where the picture begins.
      if (inc > 1) moments.push({ node, atMs, kind: "start", text: `life ${inc}`, entry });
    }
    const told = describe(entry, roles, seen);
    if (told !== null) moments.push({ node, atMs, entry, ...told });
  }
  for (const { node, toMs: atMs, end } of story.lives.all)
    if (end !== null && end.entry !== null) moments.push({ node, atMs, entry: end.entry, ...describeEnd(end.cause) });
  return moments.sort((a, b) => a.atMs - b.atMs);
}

function describeEnd(cause: EndCause): Told {
  if (cause === "killed" || cause === "died" || cause === "exited") return { kind: "killed", text: cause };
  return { kind: "left", text: "left" };
}

function diskMoments(entry: Entry, atMs: number): Moment[] {
  const action = readLabAction(entry);
  if (action?.action !== "wipe" && action?.action !== "restore") return [];
  const text = action.action === "wipe" ? "disk lost" : "backup restored";
  return action.nodes.map((node) => ({ node, atMs, kind: "trouble", text, entry }));
}

type Told = Pick<Moment, "kind" | "text">;

/**
 * @param roles what each node was last seen as: an election's line counts when it says something new
 * @param seen whom each process has known: who is alive for the first time isn't back
 */
function describe(entry: Entry, roles: Map<NodeId, string>, seen: Set<string>): Told | null {
  switch (entry.kind) {
    case "election":
      return describeRole(entry, roles);
    case "member":
      return describeMember(entry, seen);
    case "trade":
      return entry.outcome === "committed" && entry.amount !== undefined
        ? { kind: "paid", text: describeSum("−", entry) }
        : null;
    case "deliver":
      if (entry.to !== entry.node || entry.amount === undefined) return { kind: "delivered", text: "" };
      return { kind: "credited", text: describeSum("+", entry) };
    case "state":
      if (entry.phase === "READY") return { kind: "ready", text: "ready" };
      return entry.level === "error" ? { kind: "trouble", text: entry.msg.slice(0, 40) } : null;
    default:
      return null;
  }
}

function describeMember({ node, inc, peer = 0, state }: Entry, seen: Set<string>): Told | null {
  const key = `${node}.${inc} ${peer}`;
  const isNew = !seen.has(key);
  seen.add(key);
  if (state === "SUSPECTED") return { kind: "suspected", text: `${peer} suspected` };
  if (state === "FAILED") return { kind: "failed", text: `${peer} failed` };
  return state === "ALIVE" && !isNew ? { kind: "back", text: `${peer} alive` } : null;
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
