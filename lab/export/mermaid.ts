/**
 * A sequence diagram in Mermaid's language, which GitHub draws in pull requests and summaries. It is bounded: without a window it shows the
 * few seconds in which most happened (interesting-window.ts), and never more than so many lines.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Entry } from "../journal/entry.ts";
import type { Journal } from "../journal/journal.ts";
import type { Span } from "../journal/story/span.ts";
import type { Trip } from "../journal/story/trips.ts";
import { type Chronicle, findLosses, readChronicle } from "./diagram/chronicle.ts";
import { nameArrow } from "./diagram/diagram-labels.ts";
import { formatSpan } from "./diagram/diagram-words.ts";
import type { Moment } from "./diagram/moments.ts";
import type { ExportOptions } from "./export-options.ts";
import { chooseWindow, FAULT_WEIGHT, weigh } from "./interesting-window.ts";

export interface MermaidOptions extends ExportOptions {
  /** Without `fromMs` and `toMs`: how much of the run is shown. Default 3 s. */
  readonly spanMs?: number;
  /** Without `fromMs` and `toMs`: a line that must be in it, for example a violation's proof. */
  readonly around?: Entry;
  /** Messages and notes, at most. Default 60: what fits a screen or two. */
  readonly linesMax?: number;
}

/** A line of the diagram, at its place among the others. */
interface Line {
  readonly at: number;
  readonly atMs: number;
  readonly text: string;
  /** Those with the least are left out first. */
  readonly weight: number;
}

export function exportMermaid(journal: Journal, options: MermaidOptions = {}): string {
  const history = readChronicle(journal);
  const nodes = history.nodes.filter((node) => options.nodes === undefined || options.nodes.includes(node));
  const { originMs, endMs } = history;
  const hasWindow = options.fromMs !== undefined || options.toMs !== undefined;
  const around = hasWindow ? undefined : options.around;
  const chosen = chooseWindow(history, options.spanMs ?? 3_000, nodes, around?.time);
  const shown = hasWindow
    ? { fromMs: originMs + (options.fromMs ?? 0), toMs: options.toMs === undefined ? endMs : originMs + options.toMs }
    : chosen;
  const lines = tellWindow(history, shown, nodes, { heartbeats: options.heartbeats === true, around });
  const texts = leaveOut(lines, chosen.focusMs, options.linesMax ?? 60).map(({ text }) => text);
  const all = `Note over ${spanOf(nodes, nodes)}`;
  const rest = lines.length - texts.length;
  return [
    "sequenceDiagram",
    ...nodes.map((node) => `  participant N${node} as node ${node}`),
    ...(nodes.length === 0
      ? []
      : [`  ${all}: from ${formatSpan(shown.fromMs - originMs)} to ${formatSpan(shown.toMs - originMs)}`]),
    ...texts.map((text) => `  ${text}`),
    ...(rest > 0 ? [`  ${all}: ${rest} more left out`] : []),
    "",
  ].join("\n");
}

/** Keeps what made the window interesting, then what says most, then what happened nearest to any of it. */
function leaveOut(lines: readonly Line[], focusMs: number, linesMax: number): readonly Line[] {
  if (lines.length <= linesMax) return lines;
  const marks = [focusMs, ...lines.filter(({ weight }) => weight > 0).map(({ atMs }) => atMs)];
  const ranked = lines.map((line) => ({
    line,
    rank: line.weight > 0 && line.atMs === focusMs ? Number.POSITIVE_INFINITY : line.weight,
    awayMs: Math.min(...marks.map((atMs) => Math.abs(line.atMs - atMs))),
  }));
  return ranked
    .sort((a, b) => (a.rank === b.rank ? a.awayMs - b.awayMs : b.rank - a.rank))
    .slice(0, linesMax)
    .map(({ line }) => line)
    .sort((a, b) => a.at - b.at);
}

function tellWindow(
  history: Chronicle,
  { fromMs, toMs }: Span,
  nodes: readonly NodeId[],
  { heartbeats, around }: { heartbeats: boolean; around: Entry | undefined },
): readonly Line[] {
  // A proof may be a copy of the journal's line.
  const keyOf = ({ node, inc, seq }: Entry): string => `${node} ${inc} ${seq}`;
  const rank = new Map(history.entries.map((entry, i) => [keyOf(entry), i]));
  const place: Place = {
    nodes,
    isInside: (atMs) => atMs >= fromMs && atMs <= toMs,
    rankOf: (entry) => rank.get(keyOf(entry)) ?? 0,
  };
  const lines = [
    ...history.story.trips.all.flatMap((trip) => tellTrip(history, trip, place, heartbeats)),
    ...tellMoments(history, place),
    ...tellFaults(history, place),
  ];
  return foldRepeated([...lines, ...tellProof(lines, around, place)].sort((a, b) => a.at - b.at));
}

/** What has to be seen, if it is neither a moment nor a message. */
function tellProof(lines: readonly Line[], around: Entry | undefined, { nodes, rankOf }: Place): readonly Line[] {
  if (around === undefined || nodes.length === 0) return [];
  const at = rankOf(around);
  if (at > 0 && lines.some((line) => line.at === at && line.weight > 0)) return [];
  const over = nodes.includes(around.node) ? [around.node] : nodes;
  const text = `Note over ${spanOf(nodes, over)}: ${clean(around.msg)}`;
  return [{ at, atMs: around.time, text, weight: Number.POSITIVE_INFINITY }];
}

interface Place {
  readonly nodes: readonly NodeId[];
  readonly isInside: (atMs: number) => boolean;
  readonly rankOf: (entry: Trip["entry"]) => number;
}

/** A message to all is a note, so that a group of twenty stays readable; a copy that is lost is an arrow with a cross. */
function tellTrip(
  history: Chronicle,
  trip: Trip,
  { nodes, isInside, rankOf }: Place,
  heartbeats: boolean,
): readonly Line[] {
  if (!isInside(trip.sentAtMs) || !nodes.includes(trip.from)) return [];
  if (!heartbeats && (trip.kind === "heartbeat" || trip.kind === "probe")) return [];
  const at = rankOf(trip.entry);
  const text = clean(nameArrow(trip));
  const { sentAtMs: atMs } = trip;
  const line = (what: string): Line => ({ at, atMs, weight: 0, text: what });
  const losses = findLosses(history, trip)
    .filter(({ node }) => nodes.includes(node) && node !== trip.from)
    .map(({ node, cause }) => line(`N${trip.from}-xN${node}: ${text} (${clean(cause)})`));
  const received = trip.arrivals.filter(({ node }) => nodes.includes(node)).sort((a, b) => a.node - b.node);
  if (received.length === 0) return losses;
  const isTwice = trip.doubles.length > 0 ? ", twice" : "";
  if (trip.to === null && received.length > 1)
    return [
      line(
        `Note over ${spanOf(nodes, [trip.from, ...received.map(({ node }) => node)])}: ${trip.from} to ${received.map(({ node }) => node).join(", ")}: ${text}${isTwice}`,
      ),
      ...losses,
    ];
  return [...received.map(({ node }) => line(`N${trip.from}->>N${node}: ${text}${isTwice}`)), ...losses];
}

/** Notices of several nodes within this span are one event to a reader. */
const TOGETHER_MS = 300;
/** A line that is repeated within so many lines is counted where it was said first. */
const REPEATED_WITHIN = 6;

/** Messages that are sent three times to be sure, and repetitions of what wasn't acknowledged. */
function foldRepeated(lines: readonly Line[]): readonly Line[] {
  const folded: { line: Line; times: number }[] = [];
  for (const line of lines) {
    const before = folded.slice(-REPEATED_WITHIN).find((other) => other.line.text === line.text);
    if (before === undefined) folded.push({ line, times: 1 });
    else before.times += 1;
  }
  return folded.map(({ line, times }) => (times === 1 ? line : { ...line, text: `${line.text} (${times} times)` }));
}

/** The same said by several nodes in a row is one note. */
function tellMoments(history: Chronicle, { nodes, isInside, rankOf }: Place): readonly Line[] {
  const groups: (Line & { kind: Moment["kind"]; by: NodeId[] })[] = [];
  for (const moment of history.moments) {
    const { node, atMs, kind, text, entry } = moment;
    if (text === "" || !isInside(atMs) || !nodes.includes(node)) continue;
    const same = groups.findLast((group) => group.text === text && group.kind === kind);
    const isShared = ["suspected", "failed", "back", "follows", "election", "ready"].includes(kind);
    const isSoon = same !== undefined && atMs - same.atMs <= TOGETHER_MS;
    if (isShared && isSoon && !same.by.includes(node)) same.by.push(node);
    else groups.push({ at: rankOf(entry), text, kind, by: [node], atMs, weight: weigh(moment) });
  }
  return groups.map(({ at, atMs, weight, text, by }) => ({
    ...{ at, atMs, weight },
    text: `Note over ${spanOf(nodes, by)}: ${clean(text)}${by.length > 1 ? ` (at ${by.sort((a, b) => a - b).join(", ")})` : ""}`,
  }));
}

function tellFaults(history: Chronicle, { nodes, isInside, rankOf }: Place): readonly Line[] {
  if (nodes.length === 0) return [];
  const line = (at: number, atMs: number, text: string): Line => ({ at, atMs, text, weight: FAULT_WEIGHT });
  return history.faults.flatMap(({ label, fromMs, toMs, isOpen, entry }) => {
    const over = `Note over ${spanOf(nodes, nodes)}`;
    const endAt = history.entries.findIndex(({ time }) => time >= toMs);
    return [
      ...(isInside(fromMs) ? [line(rankOf(entry), fromMs, `${over}: ${clean(label)}`)] : []),
      ...(isInside(toMs) && !isOpen
        ? [line(endAt < 0 ? history.entries.length : endAt, toMs, `${over}: end of ${clean(label)}`)]
        : []),
    ];
  });
}

/** `N1,N5`: a note reaches from the first to the last column that it is about. */
function spanOf(nodes: readonly NodeId[], about: readonly NodeId[]): string {
  const columns = about.map((node) => nodes.indexOf(node)).filter((column) => column >= 0);
  const [first, last] = [nodes[Math.min(...columns)], nodes[Math.max(...columns)]];
  return first === last ? `N${first}` : `N${first},N${last}`;
}

/** Without what Mermaid takes for its own: `;` ends a line, `#` begins a character's number, `:` parts the text. */
function clean(text: string): string {
  return text.replaceAll(/[\s;#:<>{}"]+|%{2,}/g, " ").trim() || "?";
}
