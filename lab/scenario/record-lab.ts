/**
 * What was done to a lab as a scenario: its own lines say which nodes it killed, what it cut and when, and the nodes' lines which trades
 * were made. What ran on Docker then runs in virtual time, and the other way round.
 *
 * A cut or an impairment is written down by its directed links, so it is the same on every runtime, whatever words made it.
 */
import type { Impairment } from "../../node/wire/control.ts";
import type { Journal } from "../journal/journal.ts";
import { type LabAction, readLabAction } from "../journal/lab-entry.ts";
import { Scenario } from "./scenario-schema.ts";

interface Moment {
  readonly atMs: number;
  /** In the long form; each is a step of its own. */
  readonly does: readonly object[];
}

interface Pair {
  readonly from: number;
  readonly to: number;
}

/** From the lab's agreement to the first thing that is done. */
const LEAD_MS = 1_000;
/** From an order to its first line. */
const TRADE_MS = 2;

/** @param name of the scenario. Elections and recoveries that somebody asked for leave no line, and are not in it. */
export function recordLab({ entries, facts }: Journal, name: string): Scenario {
  const scaled = entries.map(readLabAction).flatMap((action) => (action?.action === "scale" ? action.removed : []));
  const recorder = new Recorder(facts.nodes.length, new Set(scaled));
  const moments: Moment[] = [];
  /** When a trade was first mentioned. */
  const begun = new Map<string, number>();
  for (const entry of entries) {
    const action = readLabAction(entry);
    if (action !== null) moments.push({ atMs: entry.time, does: recorder.stepsOf(action, entry.time) });
    const { kind, outcome, from, to, amount, id = "" } = entry;
    if (!begun.has(id)) begun.set(id, entry.time);
    if (kind === "trade" && outcome === "committed" && from === entry.node)
      moments.push({
        atMs: (begun.get(id) ?? entry.time) - TRADE_MS,
        does: [{ sell: { node: `${from}`, peer: `${to}`, amount }, background: true }],
      });
  }
  const done = moments.filter(({ does }) => does.length > 0).sort((a, b) => a.atMs - b.atMs);
  const beganMs = (done[0]?.atMs ?? 0) - LEAD_MS;
  const steps = done.flatMap(({ atMs, does }) =>
    does.map((step) => ({ at: `${Math.round(atMs - beganMs)}ms`, ...step })),
  );
  const { profile, voters, seed } = facts;
  const header = { nodes: recorder.first, profile, voters: [...voters], ...(seed !== null && { seed }) };
  const wait = { wait: { agree: true, within: "60s" } };
  return Scenario.parse({ name, title: "What somebody did to a lab", ...header, steps: [wait, ...steps] }) as Scenario;
}

class Recorder {
  /** How many nodes the lab began with. */
  first: number;
  #count: number;
  /** Faults of the lab, and the numbers that their steps get when they are played. */
  readonly #faults = new Map<string, readonly string[]>();
  #faultCount = 0;

  /** Nodes that left because the lab was made smaller. */
  readonly #scaled: ReadonlySet<number>;

  constructor(count: number, scaled: ReadonlySet<number>) {
    this.first = count;
    this.#count = count;
    this.#scaled = scaled;
  }

  stepsOf(action: LabAction, atMs: number): readonly object[] {
    switch (action.action) {
      case "up":
        this.first = this.#count = action.nodes.length;
        return [];
      case "scale":
        this.#count += action.added.length - action.removed.length;
        return [{ scale: { to: this.#count } }];
      case "kill":
        return [{ kill: { nodes: join(action.nodes), ...(action.signal !== "SIGKILL" && { signal: action.signal }) } }];
      case "died":
        return [{ kill: { nodes: join(action.nodes) } }];
      case "stop":
      case "start":
      case "resume":
      case "wipe":
        return [{ [action.action]: { nodes: join(action.nodes) } }];
      case "leave":
      case "remove": {
        const nodes = action.nodes.filter((id) => !this.#scaled.has(id));
        if (action.action === "remove") this.#count -= nodes.length;
        return nodes.length === 0 ? [] : [{ [action.action]: { nodes: join(nodes) } }];
      }
      case "pause":
        return [{ pause: { nodes: join(action.nodes), ...spanTo(action.untilMs, atMs) } }];
      case "impair":
        return action.fault.startsWith("f") ? this.#impair(action, atMs) : [];
      case "unplug": {
        const nodes = join(action.nodes);
        this.#name(action.fault, 1);
        return [{ unplug: { nodes }, otherwise: { isolate: { nodes } } }];
      }
      case "heal":
        return this.#heal(action);
      default:
        return [];
    }
  }

  #impair(
    { fault, pairs, impairment, untilMs }: Extract<LabAction, { action: "impair" }>,
    atMs: number,
  ): readonly object[] {
    const span = spanTo(untilMs, atMs);
    const groups = impairment.cut ? groupsOf(pairs) : null;
    const steps =
      groups === null
        ? sendersByReceivers(pairs).map(({ from, to }) => linkStep(from, to, impairment, span))
        : [{ partition: { groups: groups.map(join), ...span } }];
    this.#name(fault, steps.length);
    return steps;
  }

  #heal({ healed, plugged }: Extract<LabAction, { action: "heal" }>): readonly object[] {
    const cables =
      plugged.length === 0 ? [] : [{ plug: { nodes: join(plugged) }, otherwise: { heal: { nodes: join(plugged) } } }];
    const isAll = [...this.#faults.keys()].every((fault) => healed.includes(fault));
    const faults = healed.flatMap((fault) => this.#faults.get(fault) ?? []);
    for (const fault of healed) this.#faults.delete(fault);
    if (faults.length === 0) return cables;
    return [...cables, ...(isAll ? [{ heal: {} }] : faults.map((fault) => ({ heal: { fault } })))];
  }

  #name(fault: string, steps: number): void {
    const names = Array.from({ length: steps }, () => `f${++this.#faultCount}`);
    this.#faults.set(fault, names);
  }
}

function join(nodes: readonly number[]): string {
  return nodes.join(",");
}

/** The line is written a little after the span began. */
function spanTo(untilMs: number | null, atMs: number): { readonly for?: string } {
  return untilMs === null ? {} : { for: `${Math.max(1, Math.ceil((untilMs - atMs) / 10)) * 10}ms` };
}

/** Groups whose cut these links are, each with every other, both ways; null: they are another shape. */
function groupsOf(pairs: readonly Pair[]): readonly (readonly number[])[] | null {
  const nodes = [...new Set(pairs.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  const cut = new Set(pairs.map(({ from, to }) => `${from}>${to}`));
  const partners = (node: number): string => nodes.filter((other) => cut.has(`${node}>${other}`)).join();
  const groups = new Map<string, number[]>();
  for (const node of nodes) groups.set(partners(node), [...(groups.get(partners(node)) ?? []), node]);
  const groupOf = new Map([...groups].flatMap(([name, members]) => members.map((node) => [node, name] as const)));
  const isWhole = nodes.every((a) =>
    nodes.every((b) => a === b || cut.has(`${a}>${b}`) === (groupOf.get(a) !== groupOf.get(b))),
  );
  return isWhole && groups.size > 1 ? [...groups.values()] : null;
}

/** Links in bundles: all of these senders to all of these receivers. */
function sendersByReceivers(pairs: readonly Pair[]): readonly { readonly from: string; readonly to: string }[] {
  const senders = new Map<number, number[]>();
  for (const { from, to } of pairs) senders.set(to, [...(senders.get(to) ?? []), from]);
  const receivers = new Map<string, number[]>();
  for (const [to, from] of senders) {
    const name = join(from.sort((a, b) => a - b));
    receivers.set(name, [...(receivers.get(name) ?? []), to]);
  }
  return [...receivers].map(([from, to]) => ({ from, to: join(to) }));
}

function linkStep(from: string, to: string, impairment: Impairment, span: { readonly for?: string }): object {
  if (impairment.cut) return { partition: { groups: [from, to], oneWay: true, ...span } };
  const { delayMs, jitterMs, loss, duplicate, reorder, rateBps } = impairment;
  // What a node sends to everybody alike is impaired at its own interface.
  const isEgress = from === to;
  return {
    netem: {
      nodes: to,
      ...(!isEgress && { from }),
      ...(isEgress && { egress: true }),
      ...(delayMs > 0 && { delay: `${delayMs}ms` }),
      ...(jitterMs > 0 && { jitter: `${jitterMs}ms` }),
      ...(loss > 0 && { loss }),
      ...(duplicate > 0 && { dup: duplicate }),
      ...(reorder > 0 && { reorder }),
      ...(rateBps > 0 && { rate: `${rateBps / 1_000}kbit` }),
      ...span,
    },
    ...(isEgress && { otherwise: "skip" }),
  };
}
