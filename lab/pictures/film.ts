/**
 * A run as a moving picture: one SVG that loops, without scripts, so that it plays where a picture is all that is allowed (a README on a
 * code host). Everything in it is read from the run's journal; only its pace is not the run's (film-time.ts).
 *
 * Idea: the story and the messages are put on film time, then each thing that can be seen gets the spans in which it is (css-loop.ts).
 */
import { originOf, selectEntries } from "../export/export-options.ts";
import type { Journal } from "../journal/journal.ts";
import type { MessageKind } from "../journal/message-kinds.ts";
import { Keyframes, type Point, round } from "./css-loop.ts";
import { drawLedger, drawLines, drawNode, drawTimeline, drawWords } from "./film-parts.ts";
import { type Since, type Story, tellStory } from "./film-story.ts";
import { FILM_STYLE, SIZE } from "./film-style.ts";
import { stretchTime } from "./film-time.ts";
import { type FilmTrip, findFilmTrips } from "./film-trips.ts";

/** What a message takes on screen at least, milliseconds. */
const LEAST_MS: Readonly<Record<MessageKind, number>> = {
  heartbeat: 500,
  probe: 450,
  membership: 600,
  election: 620,
  trade: 700,
  repair: 500,
};
/** The last picture stays as long. */
const TAIL_MS = 2_500;
const READ_MS = 1_000;
/** Events that are nearer to each other than this, on screen, can't be told apart. */
const SAME_MS = 1;

export interface FilmOptions {
  /** Instant of the run whose picture is shown where nothing moves, milliseconds since its beginning. */
  readonly stillAtMs: number;
  /** Where the film ends, milliseconds since the run's beginning; default: where the run does. */
  readonly toMs?: number;
  /** Film milliseconds for one of the run where nothing travels. Default 1. */
  readonly pace?: number;
  /** One line at the foot: which run it was. */
  readonly source: string;
}

/** @throws RangeError for a journal without datagrams, which has nothing to show */
export function renderFilm(run: Journal, options: FilmOptions): string {
  if (!run.facts.hasWire) throw new RangeError("a film needs a journal with every datagram (DS_JOURNAL=wire)");
  const { toMs } = options;
  const journal = toMs === undefined ? run : { ...run, entries: selectEntries(run, { toMs }) };
  const originMs = originOf(journal);
  const runMs = Math.max(...journal.entries.map(({ time }) => time)) - originMs;
  const trips = findFilmTrips(journal).map((trip) => ({
    ...trip,
    sentAtMs: trip.sentAtMs - originMs,
    arrivedAtMs: trip.arrivedAtMs === null ? null : trip.arrivedAtMs - originMs,
  }));
  const travels = trips.flatMap(({ kind, sentAtMs, arrivedAtMs }) =>
    kind === "heartbeat" || arrivedAtMs === null
      ? []
      : [{ fromMs: sentAtMs, untilMs: arrivedAtMs, leastMs: LEAST_MS[kind] }],
  );
  const time = stretchTime(runMs, travels, options.pace ?? 1);
  const toFilm = (atMs: number): number => time.toFilm(atMs - originMs);
  const story = retime(tellStory(journal), toFilm);
  const loop = { totalMs: time.totalMs + TAIL_MS, stillMs: time.toFilm(options.stillAtMs) };
  const frames = new Keyframes(loop);
  const places = placeNodes(journal.facts.nodes);
  const body = [
    drawWords(story, frames, loop.totalMs),
    drawChords([...places.values()]),
    trips.map((trip) => drawTrip(trip, time.toFilm, places, frames)).join(""),
    story.nodes.map((node) => drawNode(node, places.get(node.id) as Point, frames, loop.totalMs)).join("\n"),
    drawLines(story, frames),
    drawLedger(story, frames, loop.totalMs),
    drawTimeline(journal, time, loop.totalMs, frames, options.source),
  ];
  const alt = `Five nodes of energy-lab on a ring: ${story.words.map(({ value }) => value).join(" ")}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" width="${SIZE.width}" height="${SIZE.height}" role="img" aria-label="${escapeText(alt)}">
<style>${FILM_STYLE}
${frames}</style>
<rect class="paper" x=".5" y=".5" width="${SIZE.width - 1}" height="${SIZE.height - 1}" rx="10"/>
${body.join("\n")}
</svg>
`;
}

function retime(story: Story, toFilm: (atMs: number) => number): Story {
  // Of several values at one instant of the film, the last one is what is seen.
  const move = <T>(list: readonly Since<T>[]): readonly Since<T>[] => {
    const moved = list.map(({ atMs, value }) => ({ atMs: toFilm(atMs), value }));
    return moved.filter(({ atMs }, i) => (moved[i + 1]?.atMs ?? Number.POSITIVE_INFINITY) - atMs >= SAME_MS);
  };
  const nodes = story.nodes.map(({ id, leads, stands, isDead, doubted, balance }) => ({
    id,
    leads: move(leads),
    stands: move(stands),
    isDead: move(isDead),
    doubted: move(doubted),
    balance: move(balance),
  }));
  const keepAll = (list: readonly Since<string>[]) => list.map(({ atMs, value }) => ({ atMs: toFilm(atMs), value }));
  const lines = keepAll(story.lines);
  return { nodes, commands: move(story.commands), words: holdWords(keepAll(story.words)), lines };
}

/** A sentence stays until it can have been read, so the next one may come a little late. */
function holdWords(words: readonly Since<string>[]): readonly Since<string>[] {
  let freeMs = 0;
  return words.map(({ atMs, value }) => {
    const from = Math.max(atMs, freeMs);
    freeMs = from + READ_MS;
    return { atMs: from, value };
  });
}

/** On a ring, the first on top. */
function placeNodes(nodes: readonly number[]): ReadonlyMap<number, Point> {
  const { x, y, radius } = SIZE.ring;
  return new Map(
    nodes.map((id, i) => {
      const angle = (i / nodes.length) * 2 * Math.PI - Math.PI / 2;
      return [id, { x: x + radius * Math.cos(angle), y: y + radius * Math.sin(angle) }];
    }),
  );
}

function drawChords(places: readonly Point[]): string {
  const lines = places.flatMap((a, i) => places.slice(i + 1).map((b) => `M${point(a)}L${point(b)}`));
  return `<path class="chord" d="${lines.join("")}"/>`;
}

function drawTrip(
  { kind, from, to, sentAtMs, arrivedAtMs, amount }: FilmTrip,
  toFilm: (runMs: number) => number,
  places: ReadonlyMap<number, Point>,
  frames: Keyframes,
): string {
  const [a, b] = [places.get(from), places.get(to)];
  if (a === undefined || b === undefined) return "";
  const startMs = toFilm(sentAtMs);
  const endMs = Math.max(startMs + LEAST_MS[kind], arrivedAtMs === null ? 0 : toFilm(arrivedAtMs));
  // From rim to rim; what nobody receives ends before it.
  const start = between(a, b, SIZE.nodeRadius);
  const end = between(b, a, SIZE.nodeRadius + (arrivedAtMs === null ? 12 : 0));
  const dot = `<g ${frames.fly(startMs, endMs, start, end)}>${shapeOf(kind, amount)}</g>`;
  if (arrivedAtMs !== null) return `${dot}\n`;
  const cross = `<path class="lost" transform="translate(${point(end)})" d="M-5-5L5 5M-5 5L5-5"/>`;
  return `${dot}<g ${frames.show([[endMs, endMs + 350]])}>${cross}</g>\n`;
}

function shapeOf(kind: MessageKind, amount: number | null): string {
  if (kind === "heartbeat") return `<circle class="heartbeat" r="3.5"/>`;
  if (amount !== null)
    return `<rect class="trade" x="-13" y="-9" width="26" height="18" rx="4"/><text class="amount middle" y="4.5">${amount}</text>`;
  if (kind === "election") return `<path class="election" d="M0-8L8 0 0 8-8 0Z"/>`;
  return `<circle class="${kind}" r="${kind === "probe" ? 4 : 6.5}"/>`;
}

function between(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  return {
    x: from.x + ((to.x - from.x) * distance) / length,
    y: from.y + ((to.y - from.y) * distance) / length,
  };
}

function point({ x, y }: Point): string {
  return `${round(x, 1)} ${round(y, 1)}`;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
