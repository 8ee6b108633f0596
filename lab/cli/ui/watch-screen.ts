/**
 * The screen of `lab watch`: a whole cluster in as many lines and columns as there are. Pure: what is known and a size in, lines out.
 *
 * Idea: one row a node, and in it how that node sees each other one (a row of the N x N matrix). Agreement is a field of dots; whatever
 * somebody sees otherwise stands out as a letter, and a `!` below a column says that views of that node differ. Colour only underlines.
 * When there are more nodes than lines, the calm ones are summed up and those with something to see are shown.
 */
import { describeAgreed } from "../../cluster/judge-agreement.ts";
import type { FaultView, NodeView, Snapshot } from "../../dash/protocol.ts";
import type { Entry } from "../../journal/entry.ts";
import { formatTime, plainText } from "../../journal/notable.ts";
import { type Curves, renderSparkline } from "./sparkline.ts";
import { type Colour, fitLine, type Line, paintLine, type Span, span, widthOf } from "./text-spans.ts";
import { type Column, chooseColumns, renderCells } from "./watch-columns.ts";
import { WATCH_HELP, type WatchInput } from "./watch-keys.ts";

export interface WatchView {
  readonly lab: string;
  readonly runtime: string;
  readonly profile: string;
  readonly snapshot: Snapshot;
  /** Newest last. */
  readonly events: readonly Entry[];
  /** Why what is shown may be old; empty: it isn't. */
  readonly trouble: string;
  readonly input: WatchInput;
  /** Of the chosen node, else of the coordinator; undefined: nothing is known yet. */
  readonly curves: { readonly id: number; readonly curves: Curves } | undefined;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const SYMBOLS: Readonly<Record<string, string>> = { ALIVE: ".", SUSPECTED: "S", FAILED: "F", LEFT: "L", UNKNOWN: "?" };
const SYMBOL_COLOURS: Readonly<Record<string, Colour>> = { S: "yellow", F: "red", L: "dim", "?": "dim", "\\": "dim" };
const LEGEND = "q quits  ? keys   . alive  S suspected  F failed  L left  ? unknown  ! views differ";
const SPARK_WIDTH = 16;
const FAULT_LINES_MAX = 3;
const EVENT_LINES_MIN = 3;

/** At most `height` lines of at most `width` columns. */
export function renderWatch(view: WatchView, size: Size, color: boolean): readonly string[] {
  const { snapshot } = view;
  const head = [renderTitle(view), renderSums(snapshot)];
  if (view.trouble !== "") head.push([span(`not up to date: ${plainText(view.trouble)}`, "yellow")]);
  if (view.input.mode === "help") head.push([], ...WATCH_HELP.map((text): Line => [span(text)]), []);
  const faults = renderFaults(snapshot);
  const foot: Line[] = [...renderCurves(view.curves, size), renderFoot(view.input)];
  const room = size.height - head.length - faults.length - foot.length - EVENT_LINES_MIN - 1;
  const nodes = renderNodes(snapshot, { room: Math.max(3, room), width: size.width, chosen: view.input.chosen });
  const eventRoom = size.height - head.length - faults.length - foot.length - nodes.length - 1;
  const events = renderEvents(view.events, eventRoom, view.input.filter);
  const gap: Line[] = eventRoom > 0 ? [[]] : [];
  const body = [...head, ...nodes, ...faults, ...gap, ...events];
  // The legend keeps its place at the bottom.
  const blank = Array.from({ length: Math.max(0, size.height - body.length - foot.length) }, (): Line => []);
  return [...body, ...blank, ...foot].slice(0, size.height).map((line) => paintLine(fitLine(line, size.width), color));
}

function renderTitle({ lab, runtime, profile, snapshot }: WatchView): Line {
  const { agreement, nodes, atMs } = snapshot;
  const { agreed, term, elected, reason } = agreement;
  const up = nodes.filter((node) => node.says !== null).length;
  const claim = agreed
    ? span(`${describeAgreed(agreement)} (${elected ? "elected" : "provisional"}, term ${term})`, "green")
    : span(`no agreement: ${plainText(reason)}`, "yellow");
  const where = `lab ${lab}  ${runtime}, ${profile}  ${formatTime(atMs).slice(0, 8)} UTC  ${up} of ${nodes.length} up  `;
  return [span(where, "bold"), claim];
}

/** The sum of all balances, as each node knows it: one number when all is well. */
function renderSums({ nodes }: Snapshot): Line {
  const bySum = new Map<number, number[]>();
  for (const { says } of nodes) if (says !== null) bySum.set(says.sum, [...(bySum.get(says.sum) ?? []), says.id]);
  const sums = [...bySum].sort(([, a], [, b]) => b.length - a.length);
  const [first] = sums;
  const busy = nodes.reduce((sum, { says }) => sum + (says?.pending ?? 0), 0);
  const held = nodes.reduce((sum, { says }) => sum + (says?.holdback ?? 0), 0);
  const rest = `    pending ${busy}    held back ${held}`;
  if (first === undefined) return [span("nobody answers", "red")];
  if (sums.length === 1) return [span(`sum of all balances ${first[0]}, the same at every node`, "green"), span(rest)];
  const parts = sums.map(([sum, ids]) => `${sum} at ${ids.join(",")}`);
  return [span(`sums of all balances DIFFER: ${parts.join("; ")}`, "red"), span(rest)];
}

/** Round trips, datagrams and balance of one node as curves. Small screens have none. */
function renderCurves(known: WatchView["curves"], { height, width }: Size): readonly Line[] {
  if (known === undefined || height < 16 || width < 60) return [];
  const { balance, trip, datagrams } = known.curves;
  const latest = (values: readonly (number | null)[], digits: number) => values.at(-1)?.toFixed(digits) ?? "-";
  const part = (name: string, values: readonly (number | null)[], text: string): Line => [
    span(`  ${name} `, "dim"),
    span(renderSparkline(values, SPARK_WIDTH), "cyan"),
    span(` ${text}`),
  ];
  return [
    [
      span(`node ${known.id}`),
      ...part("balance", balance, latest(balance, 0)),
      ...part("trip", trip, `${latest(trip, 1)} ms`),
      ...part("datagrams", datagrams, `${latest(datagrams, 0)}/s`),
    ],
  ];
}

/** The legend, what is being typed, or what became of the last command. */
function renderFoot({ mode, typed, filter, chosen, said }: WatchInput): Line {
  if (mode === "trade") return [span(`node ${chosen} sells to (node amount): ${typed}_`, "bold")];
  if (mode === "filter") return [span(`events with: ${typed}_`, "bold")];
  if (said !== "") return [span(plainText(said), "yellow")];
  return [span(filter === "" ? LEGEND : `events with "${filter}" only; f changes that   ${LEGEND}`, "dim")];
}

interface NodeArea {
  readonly room: number;
  readonly width: number;
  readonly chosen: number | null;
}

function renderNodes({ nodes }: Snapshot, { room, width, chosen }: NodeArea): readonly Line[] {
  const ids = nodes.map((node) => node.id);
  const isWide = ids.length <= 12;
  const columns = chooseColumns(nodes, width - matrixWidth(ids.length, isWide) - 2);
  const views = new Map(ids.map((id) => [id, countViews(id, nodes)]));
  const differing = new Set(ids.filter((id) => (views.get(id)?.size ?? 0) > 1));
  const header = matrixHeader(ids, isWide);
  const titles = renderCells(columns, null);
  const pad = span(" ".repeat(widthOf(titles)));
  const top = header.map((text, i): Line => [...(i === header.length - 1 ? titles : [pad]), span(`  ${text}`, "dim")]);
  const bottom: Line[] =
    differing.size === 0
      ? []
      : [
          [
            pad,
            span("  "),
            ...joinCells(
              ids.map((id) => (differing.has(id) ? span("!", "yellow") : span(" "))),
              isWide,
            ),
          ],
        ];
  const space = room - top.length - bottom.length;
  const { shown, calm } = chooseRows(nodes, views, space, chosen);
  const rows = shown.map((node) => {
    const row = renderRow(node, ids, columns, isWide);
    return node.id === chosen ? markRow(row) : row;
  });
  const more: Line[] = calm === 0 ? [] : [[span(`     and ${calm} more, with nothing unusual to see`, "dim")]];
  return [...top, ...rows, ...more, ...bottom];
}

/** With a sign in place of the first blank, so that it is seen without colours. */
function markRow([first, ...rest]: Line): Line {
  const text = first?.text.startsWith(" ") === true ? `>${first.text.slice(1)}` : `>${first?.text ?? ""}`;
  return [span(text, "bold"), ...rest];
}

function renderRow(node: NodeView, ids: readonly number[], columns: readonly Column[], isWide: boolean): Line {
  const sees = ids.map((id): Span => {
    if (id === node.id) return span("\\", "dim");
    if (node.says === null) return span(" ");
    const state = node.says.members.find((member) => member.id === id)?.state ?? "UNKNOWN";
    const symbol = SYMBOLS[state] ?? "?";
    return span(symbol, SYMBOL_COLOURS[symbol]);
  });
  return [...renderCells(columns, node), span("  "), ...joinCells(sees, isWide)];
}

/** All that fit; else first those with something to see, and how many are left out. */
function chooseRows(
  nodes: readonly NodeView[],
  views: ReadonlyMap<number, Views>,
  space: number,
  chosen: number | null,
): { readonly shown: readonly NodeView[]; readonly calm: number } {
  if (nodes.length <= space) return { shown: nodes, calm: 0 };
  const interest = (node: NodeView) => (node.id === chosen ? 9 : interestOf(node, views));
  const wanted = [...nodes].sort((a, b) => interest(b) - interest(a) || a.id - b.id);
  const shown = new Set(wanted.slice(0, Math.max(1, space - 1)));
  return { shown: nodes.filter((node) => shown.has(node)), calm: nodes.length - shown.size };
}

function interestOf({ id, says, status, unplugged }: NodeView, views: ReadonlyMap<number, Views>): number {
  if (says === null) return status === "running" ? 6 : 5;
  if (says.role !== "FOLLOWER") return 7;
  if (unplugged || says.phase !== "READY") return 4;
  if (says.members.some((member) => isMinority(member.state, views.get(member.id)))) return 3;
  return says.holdback + says.pending > 0 || (views.get(id)?.size ?? 0) > 1 ? 2 : 0;
}

/** How many nodes see somebody in each state. */
type Views = ReadonlyMap<string, number>;

function countViews(id: number, nodes: readonly NodeView[]): Views {
  const counts = new Map<string, number>();
  for (const { says } of nodes) {
    const state = says?.members.find((member) => member.id === id)?.state;
    if (state !== undefined) counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return counts;
}

function isMinority(state: string, views: Views = new Map()): boolean {
  return (views.get(state) ?? 0) < Math.max(0, ...views.values());
}

function matrixWidth(count: number, isWide: boolean): number {
  return isWide ? 3 * count : count;
}

/** Ids over their columns: side by side while they fit, upright otherwise. */
function matrixHeader(ids: readonly number[], isWide: boolean): readonly string[] {
  if (isWide) return [ids.map((id) => String(id).padStart(2)).join(" ")];
  const digits = Math.max(...ids.map((id) => String(id).length));
  return Array.from({ length: digits }, (_, row) => ids.map((id) => String(id).padStart(digits)[row] ?? " ").join(""));
}

function joinCells(cells: readonly Span[], isWide: boolean): readonly Span[] {
  return isWide ? cells.flatMap((cell, i) => [span(i === 0 ? " " : "  "), cell]) : cells;
}

function renderFaults({ faults, atMs }: Snapshot): readonly Line[] {
  const shown = faults.slice(0, FAULT_LINES_MAX).map((fault): Line => [span(describeFault(fault, atMs), "yellow")]);
  const more = faults.length - shown.length;
  return more > 0 ? [...shown, [span(`and ${more} more faults`, "yellow")]] : shown;
}

function describeFault({ id, cause, effect, untilMs }: FaultView, nowMs: number): string {
  const left = untilMs === null ? "until healed" : `${Math.max(0, Math.ceil((untilMs - nowMs) / 1_000))} s left`;
  return `fault ${id}: ${plainText(cause)} (${effect}; ${left})`;
}

/** The last ones that have the word somewhere in their line. */
function renderEvents(events: readonly Entry[], room: number, word: string): readonly Line[] {
  if (room <= 0) return [];
  const width = Math.max(3, ...events.map(({ node }) => String(node).length));
  const lines = (word === "" ? events.slice(-room) : events).map(({ time, node, msg, level }): Line => {
    const who = node === 0 ? "lab" : String(node);
    const paint = node === 0 ? "cyan" : level === "warn" || level === "error" ? "yellow" : undefined;
    return [span(`${formatTime(time)} `, "dim"), span(`${who.padStart(width)} `), span(plainText(msg), paint)];
  });
  const hasWord = (line: Line) =>
    line
      .map(({ text }) => text)
      .join("")
      .includes(word);
  return lines.filter(hasWord).slice(-room);
}
