/** What the lab broke, from when to when: pauses, partitions, impaired links, pulled cables. Kills are ends of lives (lives.ts). */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Entry } from "../journal/entry.ts";
import { type LabAction, readLabAction } from "../journal/lab-entry.ts";
import type { Span } from "./lives.ts";

export interface FaultSpan extends Span {
  readonly kind: "pause" | "partition" | "netem" | "unplug";
  /** The sentence that set it: `partition 1,2 3-5`. */
  readonly label: string;
  /** Whose links or process it is about; for links the senders. */
  readonly nodes: readonly NodeId[];
  readonly pairs: readonly { readonly from: NodeId; readonly to: NodeId }[];
  readonly entry: Entry;
  /** It was still in force when the journal ended. */
  readonly isOpen: boolean;
}

interface Open extends Omit<FaultSpan, "toMs" | "isOpen"> {
  /** What ends it: `f1`, or `pause 3`. */
  readonly key: string;
  /** Planned end; infinite when there is none. */
  readonly untilMs: number;
}

export function findFaultSpans(entries: readonly Entry[], originMs: number, endMs: number): readonly FaultSpan[] {
  const open: Open[] = [];
  const done: FaultSpan[] = [];
  const close = (ended: (fault: Open) => boolean, atMs: number): void => {
    for (const fault of open.filter(ended)) {
      open.splice(open.indexOf(fault), 1);
      done.push(finish(fault, Math.min(atMs, fault.untilMs), false));
    }
  };
  for (const entry of entries) {
    const action = readLabAction(entry);
    if (action === null) continue;
    const atMs = entry.time - originMs;
    for (const key of keysEndedBy(action)) close((fault) => fault.key === key, atMs);
    if (action.action === "heal")
      close((fault) => fault.kind === "unplug" && fault.nodes.every((node) => action.plugged.includes(node)), atMs);
    open.push(...begin(action, entry, atMs, originMs));
  }
  for (const fault of open) done.push(finish(fault, Math.min(endMs, fault.untilMs), fault.untilMs > endMs));
  return done.sort((a, b) => a.fromMs - b.fromMs);
}

function keysEndedBy(action: LabAction): readonly string[] {
  if (action.action === "heal") return action.healed;
  if (action.action === "resume" || action.action === "kill" || action.action === "stop" || action.action === "pause")
    return action.nodes.map((node) => `pause ${node}`);
  return action.action === "impair" || action.action === "unplug" ? [action.fault] : [];
}

function begin(action: LabAction, entry: Entry, fromMs: number, originMs: number): readonly Open[] {
  const common = { entry, fromMs, label: entry.msg };
  if (action.action === "pause") {
    const untilMs = action.untilMs === null ? Number.POSITIVE_INFINITY : action.untilMs - originMs;
    return action.nodes.map((node) => ({
      ...common,
      kind: "pause",
      label: `node ${node} is paused`,
      nodes: [node],
      pairs: [],
      key: `pause ${node}`,
      untilMs,
    }));
  }
  if (action.action === "unplug")
    return [
      {
        ...common,
        kind: "unplug",
        nodes: action.nodes,
        pairs: [],
        key: action.fault,
        untilMs: Number.POSITIVE_INFINITY,
      },
    ];
  if (action.action !== "impair") return [];
  const { pairs, impairment, untilMs, fault } = action;
  return [
    {
      ...common,
      kind: impairment.cut || impairment.loss >= 1 ? "partition" : "netem",
      nodes: [...new Set(pairs.map(({ from }) => from))].sort((a, b) => a - b),
      pairs,
      key: fault,
      untilMs: untilMs === null ? Number.POSITIVE_INFINITY : untilMs - originMs,
    },
  ];
}

function finish({ key: _key, untilMs: _untilMs, ...fault }: Open, toMs: number, isOpen: boolean): FaultSpan {
  return { ...fault, toMs, isOpen };
}
