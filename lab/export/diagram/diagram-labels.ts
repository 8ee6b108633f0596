/** Words on arrows, as many as there is room for: of some places for a label the first one where nothing else stands. */
import type { MessageKind } from "../../journal/message-kinds.ts";
import type { Trip } from "../../journal/story/trips.ts";
import type { Arrow, Label, Mark } from "./plan-diagram.ts";

const LABEL_HEIGHT = 11;
/** Average width of a character of a label. */
const CHAR_PX = 6.3;

interface Box {
  readonly x0: number;
  readonly x1: number;
  readonly y0: number;
  readonly y1: number;
}

/** The weightiest first. */
export function labelArrows(arrows: readonly Arrow[], marks: readonly Mark[]): readonly Label[] {
  const taken: Box[] = marks
    .filter(({ moment }) => moment.text !== "")
    .map(({ moment, x, y }) => boxOf(x + 10, y, moment.text, "start"));
  const told = new Set<Trip>();
  const labels: Label[] = [];
  for (const arrow of [...arrows].sort((a, b) => weigh(a.kind) - weigh(b.kind) || a.y0 - b.y0)) {
    // A message to all is named once.
    if (told.has(arrow.trip)) continue;
    const text = nameArrow(arrow.trip);
    const room = findRoom(
      taken,
      [0.5, 0.36, 0.64, 0.24, 0.76].map((share) => {
        const [x, y] = [arrow.x0 + (arrow.x1 - arrow.x0) * share, arrow.y0 + (arrow.y1 - arrow.y0) * share - 3];
        return { x, y, box: boxOf(x, y, text, "middle") };
      }),
    );
    if (room === null) continue;
    told.add(arrow.trip);
    taken.push(room.box);
    labels.push({ x: room.x, y: room.y, text, kind: arrow.kind });
  }
  return labels;
}

function boxOf(x: number, y: number, text: string, anchor: "start" | "middle"): Box {
  const width = text.length * CHAR_PX;
  const x0 = anchor === "start" ? x : x - width / 2;
  return { x0, x1: x0 + width, y0: y - LABEL_HEIGHT + 2, y1: y + 2 };
}

const WEIGHTS: readonly MessageKind[] = ["election", "trade", "membership", "repair", "probe", "heartbeat"];

function weigh(kind: MessageKind): number {
  return WEIGHTS.indexOf(kind);
}

/** Its type, and of trades the amount. Journals that were stored before the lines of sent messages had it show the type alone. */
export function nameArrow({ type, entry }: Trip): string {
  return entry.amount === undefined ? type : `${type} ${entry.amount}`;
}

/** Null: there is no room. */
function findRoom<T extends { readonly box: Box }>(taken: readonly Box[], places: readonly T[]): T | null {
  return places.find(({ box }) => !taken.some((other) => overlaps(box, other))) ?? null;
}

function overlaps(a: Box, b: Box): boolean {
  return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
}
