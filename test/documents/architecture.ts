// The architecture picture: the rooms as boxes, an arrow for each import between them, drawn from the sources themselves. A room stands one
// floor above the highest room that it imports. An arrow that follows from others (a to b to c, so a to c) is left out. Long arrows pass
// other floors through gaps: they get a place of their own there, as in Sugiyama's method, and a few sweeps put neighbours above each other.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { listSources, PROJECT_ROOT, readImports } from "../support/sources.ts";
import { LAB_ROOMS, NODE_ROOMS } from "./rooms.ts";

export const ARCHITECTURE = "compose/scenarios/pictures/architecture.svg";

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

const BOX = { width: 212, height: 42, gap: 22 };
const FLOOR_HEIGHT = 66;
const MARGIN = 14;

/** Which room imports which, as `lab/check` -> `lab/journal`. */
export function readRoomImports(): Graph {
  const graph = new Map<string, Set<string>>();
  for (const file of listSources("node", "lab")) {
    const from = roomOf(file);
    const targets = graph.get(from) ?? new Set();
    for (const target of readImports(file, readFileSync(join(PROJECT_ROOT, file), "utf8"))) {
      if (/^(lab|node)\//.test(target) && roomOf(target) !== from) targets.add(roomOf(target));
    }
    graph.set(from, targets);
  }
  return graph;
}

function roomOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

/** All rooms that a room reaches, directly or through others. */
function reach(graph: Graph, from: string, seen = new Set<string>()): Set<string> {
  for (const target of graph.get(from) ?? []) {
    if (seen.has(target)) continue;
    seen.add(target);
    reach(graph, target, seen);
  }
  return seen;
}

/** The graph without arrows that follow from others. */
export function reduceGraph(graph: Graph): Graph {
  return new Map(
    [...graph].map(([from, targets]) => {
      const needed = [...targets].filter(
        (target) => ![...targets].some((other) => other !== target && reach(graph, other).has(target)),
      );
      return [from, new Set(needed.sort())];
    }),
  );
}

interface Place {
  /** A room, or null where a long arrow passes. */
  readonly room: string | null;
  readonly floor: number;
  x: number;
  readonly above: Place[];
  readonly below: Place[];
}

const widthOf = (place: Place): number => (place.room === null ? 8 : BOX.width);

function placeRooms(graph: Graph): Place[][] {
  const floorOf = (room: string): number =>
    Math.max(0, ...[...(graph.get(room) ?? [])].map((target) => floorOf(target) + 1));
  const floors: Place[][] = [];
  const add = (room: string | null, floor: number): Place => {
    const place: Place = { room, floor, x: 0, above: [], below: [] };
    floors[floor] ??= [];
    floors[floor].push(place);
    return place;
  };
  const places = new Map([...graph.keys()].sort().map((room) => [room, add(room, floorOf(room))]));
  for (const [from, targets] of [...graph].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const target of targets) {
      let upper = places.get(from) as Place;
      const lower = places.get(target) as Place;
      for (let floor = upper.floor - 1; floor >= lower.floor; floor--) {
        const next = floor === lower.floor ? lower : add(null, floor);
        upper.below.push(next);
        next.above.push(upper);
        upper = next;
      }
    }
  }
  arrange(floors);
  return floors;
}

/** Sweeps down and up the floors, and keeps the best arrangement seen: few crossings first, then straight arrows. */
function arrange(floors: Place[][]): void {
  for (const floor of floors) spread(floor, (_, i) => i * (BOX.width + BOX.gap));
  let best = { cost: Infinity, places: [] as (readonly [Place, number])[] };
  for (let sweep = 0; sweep < 400; sweep++) {
    for (const floor of sweep % 2 === 0 ? floors.toReversed() : floors) {
      const isFine = sweep % 80 > 10;
      const wish = (place: Place): number => {
        const near = isFine ? [...place.above, ...place.below] : sweep % 2 === 0 ? place.above : place.below;
        const weights = near.map((other) => weightOf(place, other));
        const sum = near.reduce((total, { x }, i) => total + x * (weights[i] ?? 0), 0);
        return near.length === 0 ? place.x : sum / weights.reduce((total, weight) => total + weight, 0);
      };
      const wanted = new Map(floor.map((place) => [place, wish(place)]));
      floor.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
      spread(floor, (place) => wanted.get(place) ?? 0);
    }
    const cost = costOf(floors);
    if (cost < best.cost) best = { cost, places: floors.flat().map((place) => [place, place.x] as const) };
  }
  for (const [place, x] of best.places) place.x = x;
}

/** Long arrows are better straight than short ones. */
const weightOf = (a: Place, b: Place): number => (a.room === null && b.room === null ? 8 : 1);

function costOf(floors: readonly Place[][]): number {
  let cost = 0;
  for (const floor of floors) {
    const lines = floor.flatMap((from) => from.below.map((to) => ({ from, to })));
    for (const [i, { from, to }] of lines.entries()) {
      cost += weightOf(from, to) * (from.x - to.x) ** 2;
      for (const other of lines.slice(i + 1)) if ((from.x - other.from.x) * (to.x - other.to.x) < 0) cost += 1_000_000;
    }
  }
  return cost;
}

/** Puts a floor's places as near to where they want to be as their widths allow. */
function spread(floor: readonly Place[], wish: (place: Place, index: number) => number): void {
  const wanted = floor.map(wish);
  let pushed = 0;
  for (const [i, place] of floor.entries()) {
    const left = floor[i - 1];
    const least = left === undefined ? -Infinity : left.x + (widthOf(left) + widthOf(place)) / 2 + BOX.gap;
    place.x = Math.max(wanted[i] ?? 0, least);
    pushed += place.x - (wanted[i] ?? 0);
  }
  for (const place of floor) place.x -= pushed / floor.length;
}

/** The picture as SVG; the same text for the same imports. */
export function drawArchitecture(graph: Graph = readRoomImports()): string {
  const floors = placeRooms(reduceGraph(graph));
  const all = floors.flat();
  const left = Math.min(...all.map((place) => place.x - widthOf(place) / 2)) - MARGIN;
  const width = Math.ceil(Math.max(...all.map((place) => place.x + widthOf(place) / 2)) + MARGIN - left);
  const height = floors.length * FLOOR_HEIGHT - (FLOOR_HEIGHT - BOX.height) + 2 * MARGIN;
  const topOf = (place: Place): number => MARGIN + (floors.length - 1 - place.floor) * FLOOR_HEIGHT;
  const at = (place: Place): number => Math.round((place.x - left) * 10) / 10;

  const arrows = all.flatMap((place) =>
    place.room === null ? [] : place.below.map((next) => drawArrow(place, next, at, topOf)),
  );
  const boxes = all.flatMap((place) => (place.room === null ? [] : [drawBox(place.room, at(place), topOf(place))]));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="The rooms of the project as boxes, with an arrow from each to the rooms that it imports; all arrows go down">
<style>
svg{font-family:system-ui,sans-serif;--paper:#fff;--lab:#e8f0fe;--node:#e6f4ea;--line:#5f6b7a;--ink:#1b1f24;--soft:#4a5562}
@media (prefers-color-scheme:dark){svg{--paper:#0d1117;--lab:#1c2c4a;--node:#17351f;--line:#8b98a8;--ink:#f0f3f6;--soft:#b6c0cc}}
.paper{fill:var(--paper)}.lab{fill:var(--lab)}.node{fill:var(--node)}rect{stroke:var(--line)}.paper{stroke:none}
path{fill:none;stroke:var(--line);stroke-width:1.4}.tip{fill:var(--line);stroke:none}
text{text-anchor:middle}.name{font-size:14px;font-weight:600;fill:var(--ink)}.purpose{font-size:11.5px;fill:var(--soft)}
</style>
<rect class="paper" width="${width}" height="${height}"/>
${[...arrows, ...boxes].join("\n")}
</svg>
`;
}

function drawArrow(from: Place, first: Place, at: (place: Place) => number, topOf: (place: Place) => number): string {
  let line = `M${at(from)} ${topOf(from) + BOX.height}`;
  let y = topOf(from) + BOX.height;
  let x = at(from);
  for (
    let place: Place | undefined = first;
    place !== undefined;
    place = place.room === null ? place.below[0] : undefined
  ) {
    const endY = topOf(place) - (place.room === null ? 0 : 5);
    const half = (y + endY) / 2;
    line += `C${x} ${half} ${at(place)} ${half} ${at(place)} ${endY}`;
    x = at(place);
    y = endY;
    if (place.room !== null) break;
    y += BOX.height;
    line += `V${y}`;
  }
  return `<path d="${line}"/><path class="tip" d="M${x - 4} ${y - 2}h8l-4 7z"/>`;
}

function drawBox(room: string, x: number, top: number): string {
  const [part = "", name = ""] = room.split("/");
  const purpose = [...(part === "lab" ? LAB_ROOMS : NODE_ROOMS)].find((one) => one.name === name)?.purpose ?? "";
  const left = Math.round((x - BOX.width / 2) * 10) / 10;
  return `<rect class="${part}" x="${left}" y="${top}" width="${BOX.width}" height="${BOX.height}" rx="6"/><text class="name" x="${x}" y="${top + 18}">${room}</text><text class="purpose" x="${x}" y="${top + 33}">${purpose}</text>`;
}
