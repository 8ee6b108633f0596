/** Spans along a node's column: lives, pauses, reigns, waiting records. Each begins and ends where its event stands. */
import type { NodeId } from "../../../node/wire/ids.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Plan } from "./events.ts";
import type { Column, Lifeline } from "./plan-diagram.ts";
import type { Scale } from "./time-scale.ts";

export interface Spans {
  /** An event's own place where one stands at that node and instant; else what the axis says. */
  readonly yOf: (node: NodeId, atMs: number) => number;
  readonly xOf: ReadonlyMap<NodeId, number>;
  readonly fromMs: number;
  readonly toMs: number;
}

export function placeOf({ marks, events }: Plan, scale: Scale): Spans["yOf"] {
  const places = new Map<string, number>();
  for (const [index, { placed }] of events.entries()) places.set(`${placed.node} ${placed.atMs}`, scale.ys[index] ?? 0);
  // Of several at one instant what a person would tell of counts.
  for (const { moment, index } of marks) places.set(`${moment.node} ${moment.atMs}`, scale.ys[index] ?? 0);
  return (node, atMs) => places.get(`${node} ${atMs}`) ?? scale.yAt(atMs);
}

export function inWindow<T extends { node: NodeId; fromMs: number; toMs: number }>(
  items: readonly T[],
  { yOf, xOf, fromMs, toMs }: Spans,
) {
  return items.flatMap((item) => {
    const x = xOf.get(item.node);
    if (x === undefined || item.toMs < fromMs || item.fromMs > toMs) return [];
    return [
      { item, x, y0: yOf(item.node, Math.max(fromMs, item.fromMs)), y1: yOf(item.node, Math.min(toMs, item.toMs)) },
    ];
  });
}

export function drawLifelines(history: Chronicle, spans: Spans, columns: readonly Column[]): readonly Lifeline[] {
  const { yOf, fromMs, toMs } = spans;
  return columns.flatMap(({ node, x }) => {
    const alive = inWindow(history.story.lives.ofNode.get(node) ?? [], spans);
    const lines: Lifeline[] = alive.map(({ y0, y1 }) => ({ node, x, y0, y1, state: "alive" }));
    const downFrom = alive.flatMap(({ item }, i) => {
      const untilMs = alive[i + 1]?.item.fromMs ?? toMs;
      return item.toMs < untilMs
        ? [{ node, x, y0: yOf(node, Math.max(fromMs, item.toMs)), y1: yOf(node, untilMs), state: "down" as const }]
        : [];
    });
    const paused = inWindow(
      history.faults
        .filter(({ kind }) => kind === "pause")
        .flatMap((fault) => fault.nodes.map((id) => ({ ...fault, node: id }))),
      spans,
    ).filter(({ item }) => item.node === node);
    return [...lines, ...downFrom, ...paused.map(({ y0, y1 }) => ({ node, x, y0, y1, state: "paused" as const }))];
  });
}
