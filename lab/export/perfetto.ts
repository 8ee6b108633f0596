/**
 * Trace events for Perfetto (https://ui.perfetto.dev) and Chrome's own viewer: each node is a process with tracks for its role, its
 * messages and whom it suspects, a counter for its balance; messages are arrows between them; the lab's faults are a process of their own.
 * Format: the "Trace Event Format" that Chrome documents, JSON object form; times are microseconds.
 */
import type { Journal } from "../journal/journal.ts";
import { isBackground } from "../journal/message-kinds.ts";
import { type Chronicle, findLosses, readChronicle } from "./diagram/chronicle.ts";
import type { ExportOptions } from "./export-options.ts";

interface TraceEvent {
  readonly name: string;
  readonly ph: "M" | "X" | "i" | "b" | "e" | "s" | "f" | "C";
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly cat?: string;
  readonly dur?: number;
  readonly id?: number;
  readonly bp?: "e";
  readonly s?: "p" | "t";
  readonly args?: Readonly<Record<string, unknown>>;
}

const [ROLE, MESSAGES, EVENTS] = [1, 2, 3];
/** A message takes no time at its ends; a viewer needs some to draw. */
const MESSAGE_US = 20;

export function exportPerfetto(journal: Journal, options: ExportOptions = {}): string {
  const history = readChronicle(journal);
  const nodes = new Set(history.nodes.filter((node) => options.nodes === undefined || options.nodes.includes(node)));
  const { originMs } = history;
  const fromMs = originMs + (options.fromMs ?? 0);
  const toMs = originMs + (options.toMs ?? Number.POSITIVE_INFINITY);
  const isShown = (node: number, atMs: number): boolean => nodes.has(node) && atMs >= fromMs && atMs <= toMs;
  const events = [
    ...nameTracks(history, nodes),
    ...drawRoles(history, isShown),
    ...drawSuspicions(history, isShown),
    ...drawFaults(history, (atMs) => atMs >= fromMs && atMs <= toMs),
    ...drawMoments(history, isShown),
    ...drawMessages(history, isShown, options.heartbeats !== false),
  ];
  const { lab, run, runtime, profile } = journal.facts;
  const lines = events
    .map((event) => JSON.stringify(event.ph === "M" ? event : { ...event, ts: event.ts - toUs(originMs) }))
    .join(",\n");
  return `{"displayTimeUnit":"ms","otherData":${JSON.stringify({ lab, run, runtime, profile })},"traceEvents":[\n${lines}\n]}\n`;
}

type IsShown = (node: number, atMs: number) => boolean;

function nameTracks(history: Chronicle, nodes: ReadonlySet<number>): readonly TraceEvent[] {
  const name = (pid: number, tid: number, what: string, args: Record<string, unknown>): TraceEvent => ({
    name: what,
    ph: "M",
    pid,
    tid,
    ts: 0,
    args,
  });
  return [
    name(0, 0, "process_name", { name: `lab ${history.facts.lab}` }),
    name(0, 0, "process_sort_index", { sort_index: 0 }),
    ...[...nodes].flatMap((node) => [
      name(node, 0, "process_name", { name: `node ${node}` }),
      name(node, 0, "process_sort_index", { sort_index: node }),
      name(node, ROLE, "thread_name", { name: "role" }),
      name(node, MESSAGES, "thread_name", { name: "messages" }),
      name(node, EVENTS, "thread_name", { name: "events" }),
    ]),
  ];
}

function drawRoles({ story, endMs }: Chronicle, isShown: IsShown): readonly TraceEvent[] {
  return story.reigns.all
    .filter(({ node, fromMs }) => isShown(node, fromMs))
    .map(({ node, role, term, elected, fromMs, toMs }) => ({
      name:
        role === "CANDIDATE"
          ? "candidate"
          : elected
            ? `coordinator, term ${term}`
            : `provisional coordinator, term ${term}`,
      ph: "X",
      cat: "role",
      pid: node,
      tid: ROLE,
      ts: toUs(fromMs),
      dur: Math.max(1, toUs(Math.min(toMs, endMs)) - toUs(fromMs)),
      args: { term, elected },
    }));
}

/** From a node's suspicion of another to its end, whatever that is. */
function drawSuspicions(history: Chronicle, isShown: IsShown): readonly TraceEvent[] {
  const open = new Map<string, { name: string; pid: number; id: number }>();
  const events: TraceEvent[] = [];
  const close = (key: string, ts: number): void => {
    const begun = open.get(key);
    if (begun !== undefined) events.push({ ...begun, ph: "e", cat: "member", tid: EVENTS, ts });
    open.delete(key);
  };
  for (const entry of history.entries) {
    const atMs = entry.time;
    if (entry.kind !== "member" || entry.peer === undefined || !isShown(entry.node, atMs)) continue;
    const key = `${entry.node} ${entry.peer}`;
    close(key, toUs(atMs));
    if (entry.state !== "SUSPECTED" && entry.state !== "FAILED") continue;
    const begun = { name: `${entry.peer} ${entry.state.toLowerCase()}`, pid: entry.node, id: events.length + 1 };
    open.set(key, begun);
    events.push({ ...begun, ph: "b", cat: "member", tid: EVENTS, ts: toUs(atMs), args: { msg: entry.msg } });
  }
  for (const key of [...open.keys()]) close(key, toUs(history.endMs));
  return events;
}

function drawFaults({ faults }: Chronicle, isInside: (atMs: number) => boolean): readonly TraceEvent[] {
  return faults.flatMap(({ kind, label, nodes, pairs, fromMs, toMs }, id) => {
    if (!isInside(fromMs)) return [];
    const common = { name: label === "" ? kind : label, cat: `fault,${kind}`, pid: 0, tid: 0, id: id + 1 };
    return [
      { ...common, ph: "b" as const, ts: toUs(fromMs), args: { nodes, pairs } },
      { ...common, ph: "e" as const, ts: toUs(toMs) },
    ];
  });
}

function drawMoments({ moments }: Chronicle, isShown: IsShown): readonly TraceEvent[] {
  return moments
    .filter(({ node, atMs }) => isShown(node, atMs))
    .flatMap(({ node, atMs, kind, text, entry }): TraceEvent[] => {
      const ts = toUs(atMs);
      const instant: TraceEvent = {
        name: text === "" ? kind : text,
        ph: "i",
        s: "t",
        cat: kind,
        pid: node,
        tid: EVENTS,
        ts,
        args: { msg: entry.msg },
      };
      if (entry.balance === undefined) return [instant];
      return [instant, { name: "balance", ph: "C", pid: node, tid: 0, ts, args: { credits: entry.balance } }];
    });
}

/** Short slices on the messages' track of both ends, one behind the other, and an arrow from each sending to each arrival. */
function drawMessages(history: Chronicle, isShown: IsShown, heartbeats: boolean): readonly TraceEvent[] {
  const ends: {
    node: number;
    atMs: number;
    name: string;
    args: Record<string, unknown>;
    flows: readonly { ph: "s" | "f"; id: number }[];
  }[] = [];
  let flowId = 0;
  for (const trip of history.story.trips.all) {
    if (!isShown(trip.from, trip.sentAtMs) || (!heartbeats && isBackground(trip.type))) continue;
    const args = { id: trip.id, msg: trip.entry.msg, ...(trip.entry.vc !== undefined && { clock: trip.entry.vc }) };
    const arrivals = trip.arrivals
      .filter(({ node, atMs }) => isShown(node, atMs))
      .map((arrival) => ({ ...arrival, id: ++flowId }));
    const losses = findLosses(history, trip);
    const lost = losses.length === 0 ? {} : { lost: losses.map(({ node, cause }) => `${node}: ${cause}`) };
    const flows = arrivals.map(({ id }) => ({ ph: "s" as const, id }));
    ends.push({ node: trip.from, atMs: trip.sentAtMs, name: trip.type, args: { ...args, ...lost }, flows });
    for (const { node, atMs, id } of arrivals)
      ends.push({ node, atMs, name: trip.type, args, flows: [{ ph: "f", id }] });
  }
  const free = new Map<number, number>();
  return ends
    .sort((a, b) => a.atMs - b.atMs)
    .flatMap(({ node, atMs, name, args, flows }): TraceEvent[] => {
      const ts = Math.max(toUs(atMs), free.get(node) ?? 0);
      free.set(node, ts + MESSAGE_US);
      const place = { pid: node, tid: MESSAGES, ts };
      return [
        { name, ph: "X", cat: "message", ...place, dur: MESSAGE_US, args },
        ...flows.map(({ ph, id }) => ({
          name,
          ph,
          cat: "message",
          ...place,
          id,
          ...(ph === "f" && { bp: "e" as const }),
        })),
      ];
    });
}

function toUs(ms: number): number {
  return Math.round(ms * 1_000);
}
