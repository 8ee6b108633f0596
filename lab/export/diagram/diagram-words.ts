/** Tooltips for the parts of the diagram: the same words in the file and on the page. */
import type { Entry } from "../../journal/entry.ts";
import type { Hold } from "../../journal/story/holds.ts";
import type { Moment } from "./moments.ts";
import type { Arrow } from "./plan-diagram.ts";

/** `850 ms`, `1.25 s`, `1:05.2`: since the beginning, or how long. */
export function formatSpan(ms: number): string {
  if (Math.abs(ms) < 1) return `${Number(ms.toFixed(2))} ms`;
  if (Math.abs(ms) < 1_000) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`;
  const minutes = Math.floor(ms / 60_000);
  return `${minutes}:${((ms % 60_000) / 1_000).toFixed(1).padStart(4, "0")}`;
}

/** @param originMs wall clock from which times count; here and below */
export function describeArrow({ trip, to, fate, cause, arrivedAtMs, isDouble }: Arrow, originMs: number): string {
  const { type, id, from, sentAtMs, entry } = trip;
  const receiver = trip.to === null ? `node ${to} (to all)` : `node ${to}`;
  const took =
    arrivedAtMs === null
      ? ""
      : `, ${fate === "received" ? "received" : "dropped"} after ${formatSpan(arrivedAtMs - sentAtMs)}`;
  return [
    `${type}  ${id}`,
    `node ${from} to ${receiver}`,
    `sent at ${formatSpan(sentAtMs - originMs)}${took}${entry.reconstructed === true ? " (its sender's line is lost)" : ""}`,
    ...(fate === "lost" ? [`lost: ${cause}`] : []),
    ...(isDouble ? ["came more than once"] : []),
    ...describeClock(entry),
    entry.msg,
  ].join("\n");
}

export function describeMark({ node, atMs, entry }: Moment, originMs: number): string {
  const who = entry.node === 0 ? "lab" : `node ${node}${entry.inc > 1 ? `, life ${entry.inc}` : ""}`;
  return [`${who} at ${formatSpan(atMs - originMs)}`, entry.msg, ...describeClock(entry)].join("\n");
}

export function describeHold({ node, entry, released, fromMs, toMs }: Hold): string {
  const what = `debit ${entry.record_seq} of node ${entry.from}`;
  const end = released === null ? "never delivered in this journal" : `delivered after ${formatSpan(toMs - fromMs)}`;
  return [`node ${node} holds ${what} back: what it follows isn't there yet`, end, ...describeClock(entry)].join("\n");
}

function describeClock({ vc }: Entry): readonly string[] {
  return vc === undefined ? [] : [`clock ${JSON.stringify(vc)}`];
}
