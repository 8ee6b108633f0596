/**
 * The layer on top of the space-time diagram's sheet: the line of now, and for a selected event its causal past and future.
 */
import { type Cone, relate } from "../model/causality.ts";
import { type Copy, forEachCopy } from "../model/copies.ts";
import { traceDot } from "./glyphs.ts";
import { columnOf, drawEvent, type Geometry, type SheetLook, type SpaceTimeSheet } from "./space-time-sheet.ts";

export interface OverlayFrame {
  readonly ctx: CanvasRenderingContext2D;
  readonly look: SheetLook;
  readonly geometry: Geometry;
  readonly sheet: SpaceTimeSheet;
  readonly atMs: number;
  readonly isLive: boolean;
  readonly cone: Cone | null;
  /** Numbers of the events that prove a broken promise, in their order. */
  readonly proof: readonly number[];
  /** Number of the event at which the run parts from another one; null: it doesn't. */
  readonly parting: number | null;
}

/** Sheet, shade of the future, line of now, highlights. */
export function drawSpaceTime(frame: OverlayFrame): void {
  const { ctx, geometry, sheet, cone, look } = frame;
  const { palette } = look;
  ctx.clearRect(0, 0, geometry.width, geometry.height);
  ctx.globalAlpha = cone === null ? 1 : 0.22;
  sheet.paintOn(ctx);
  ctx.globalAlpha = 1;
  const now = sheet.yOf(frame.atMs);
  if (!frame.isLive && now < geometry.height) {
    ctx.globalAlpha = cone === null ? 0.55 : 0;
    ctx.fillStyle = palette.panel;
    ctx.fillRect(0, now, geometry.width, geometry.height - now);
    ctx.globalAlpha = 1;
    ctx.fillStyle = palette.accent;
    ctx.fillRect(0, Math.round(now) - 1, geometry.width, 1.5);
  }
  if (cone !== null) drawCone(frame, cone);
  if (frame.proof.length > 0) drawProof(frame);
  if (frame.parting !== null) drawParting(frame, frame.parting);
}

function drawParting({ ctx, look, geometry, sheet }: OverlayFrame, index: number): void {
  const { history, palette } = look;
  const y = sheet.rowOf(index);
  ctx.strokeStyle = palette.warn;
  ctx.fillStyle = palette.warn;
  ctx.lineWidth = 2;
  ctx.setLineDash([6, 4]);
  ctx.beginPath();
  ctx.moveTo(0, y);
  ctx.lineTo(geometry.width, y);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.font = `bold 12px ${palette.font}`;
  ctx.textAlign = "right";
  ctx.textBaseline = "bottom";
  ctx.fillText("they part here", geometry.width - 6, y - 3);
  const node = history.entry(index)?.node ?? 0;
  if (node === 0) return;
  ctx.beginPath();
  traceDot(ctx, columnOf(geometry, node), y, PROOF_RADIUS);
  ctx.stroke();
}

const PROOF_RADIUS = 9;

/** Rings with numbers, from the first one to the last. */
function drawProof({ ctx, look, geometry, sheet, proof }: OverlayFrame): void {
  const { history, palette } = look;
  ctx.strokeStyle = palette.bad;
  ctx.fillStyle = palette.bad;
  ctx.lineWidth = 2;
  ctx.font = `bold 12px ${palette.font}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  let before: readonly [number, number] | null = null;
  proof.forEach((index, n) => {
    const node = history.entry(index)?.node ?? 0;
    if (node === 0) return;
    const [x, y] = [columnOf(geometry, node), sheet.rowOf(index)];
    ctx.setLineDash([2, 3]);
    ctx.beginPath();
    if (before !== null) {
      ctx.moveTo(...before);
      ctx.lineTo(x, y);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    ctx.beginPath();
    traceDot(ctx, x, y, PROOF_RADIUS);
    ctx.stroke();
    ctx.fillText(String(n + 1), x + PROOF_RADIUS + 3, y);
    before = [x, y];
  });
}

function drawCone({ ctx, look, geometry, sheet }: OverlayFrame, cone: Cone): void {
  const { history, palette } = look;
  const from = Math.max(history.begin, sheet.countAt(0));
  const to = sheet.countAt(geometry.height);
  const rowOf = (index: number): number => sheet.rowOf(index);
  for (let index = from; index < to; index++) {
    const entry = history.entry(index);
    if (entry === undefined || entry.node === 0) continue;
    const relation = relate(history, cone, index);
    if (relation === "concurrent") continue;
    // An arrow belongs to a side when both of its ends do.
    const cause = history.causeOf(index);
    if (relation === "future" && cause >= 0 && relate(history, cone, cause) === "concurrent") {
      ctx.beginPath();
      traceDot(ctx, columnOf(geometry, entry.node), rowOf(index), 2);
      ctx.fillStyle = palette.future;
      ctx.fill();
      continue;
    }
    // The future is dashed: not told by colour alone.
    if (relation === "future") ctx.setLineDash([5, 3]);
    drawEvent(ctx, look, geometry, rowOf, entry, index, relation === "past" ? palette.past : palette.future);
    ctx.setLineDash([]);
  }
  const entry = history.entry(cone.index);
  if (entry === undefined) return;
  const [x, y] = [columnOf(geometry, entry.node), rowOf(cone.index)];
  ctx.strokeStyle = palette.ink;
  ctx.lineWidth = 2;
  ctx.beginPath();
  traceDot(ctx, x, y, 8);
  ctx.stroke();
}

/**
 * The event that a person means who points there: the nearest one within reach, an arrow by its receipt.
 * @returns its number; null: nothing is near
 */
export function pickEvent(
  look: SheetLook,
  geometry: Geometry,
  sheet: SpaceTimeSheet,
  x: number,
  y: number,
): number | null {
  const { history, hidden } = look;
  const from = Math.max(history.begin, sheet.countAt(y - 11));
  const to = sheet.countAt(y + 11);
  let best: number | null = null;
  let bestDistance = 11;
  for (let index = from; index < to; index++) {
    const entry = history.entry(index);
    if (entry === undefined || entry.node === 0) continue;
    const isWire = entry.kind === "send" || entry.kind === "recv";
    // What a node did lies over what it sent and got.
    const distance = Math.hypot(columnOf(geometry, entry.node) - x, sheet.rowOf(index) - y) + (isWire ? 3 : 0);
    if (distance < bestDistance) [best, bestDistance] = [index, distance];
  }
  if (best !== null) return best;
  const arrow = { index: -1, distance: 6 };
  forEachCopy(history.story, sheet.topMs - 1_000, sheet.bottomMs, (copy) => {
    if (copy.receipt === null || hidden.has(copy.kind)) return;
    const received = history.indexOf(copy.receipt);
    const rows = [sheet.rowOf(history.indexOf(copy.trip.entry)), sheet.rowOf(received)] as const;
    const distance = distanceTo(geometry, copy, rows, x, y);
    if (distance < arrow.distance) [arrow.index, arrow.distance] = [received, distance];
  });
  return arrow.index < 0 ? null : arrow.index;
}

function distanceTo(geometry: Geometry, copy: Copy, [y1, y2]: readonly [number, number], x: number, y: number): number {
  const [x1, x2] = [columnOf(geometry, copy.from), columnOf(geometry, copy.to)];
  if (y < Math.min(y1, y2) - 8 || y > Math.max(y1, y2) + 8 || Number.isNaN(x1 + x2 + y1 + y2))
    return Number.POSITIVE_INFINITY;
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const at = ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / (length * length);
  if (at < 0 || at > 1) return Number.POSITIVE_INFINITY;
  return Math.abs((x - x1) * (y2 - y1) - (y - y1) * (x2 - x1)) / length;
}
