/** Spans for bands and bars: who led, who was down or paused, which faults were in force, what was held back. */
import type { EndCause } from "../../journal/story/lives.ts";
import type { Span } from "../../journal/story/span.ts";
import type { Story } from "../../journal/story/story.ts";

export type BarKind = "lead" | "down" | "paused" | "fault" | "held";

/** `toMs` is Infinity while it goes on. */
export interface Bar extends Span {
  readonly kind: BarKind;
  /** Whose; 0: the network's. */
  readonly node: number;
  readonly label: string;
  /** Of a leader without a majority. */
  readonly isProvisional: boolean;
}

/** The spans that touch the stretch of time. */
export function barsWithin(story: Story, fromMs: number, toMs: number): readonly Bar[] {
  const bars: Bar[] = [];
  const add = (kind: BarKind, node: number, label: string, span: Span, isProvisional = false): void => {
    if (span.fromMs <= toMs && span.toMs >= fromMs)
      bars.push({ kind, node, label, fromMs: span.fromMs, toMs: span.toMs, isProvisional });
  };
  for (const { entry, ...fault } of story.faults.all) add("fault", 0, entry.msg, fault);
  for (const reign of story.reigns.all)
    if (reign.role === "COORDINATOR") add("lead", reign.node, `term ${reign.term}`, reign, !reign.elected);
  for (const [node, lives] of story.lives.ofNode)
    for (const [at, { end }] of lives.entries())
      if (end !== null) {
        const span = { fromMs: end.atMs, toMs: lives[at + 1]?.fromMs ?? Number.POSITIVE_INFINITY };
        add("down", node, nameEnd(end.cause), span);
      }
  for (const { node, by, untilMs, ...stop } of story.stops.all)
    if (by === "lab") add("paused", node, "paused", { ...stop, toMs: Math.min(stop.toMs, untilMs ?? stop.toMs) });
  for (const { node, record, life, ...hold } of story.holds.all)
    add("held", node, record, { ...hold, toMs: Math.min(hold.toMs, life.toMs) });
  return bars;
}

/** How a process that is gone ended, in one word. */
export function nameEnd(cause: EndCause): "killed" | "stopped" | "left" {
  if (cause === "killed" || cause === "died") return "killed";
  return cause === "left" ? "left" : "stopped";
}
