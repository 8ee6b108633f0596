/**
 * Messages on their way across the ring. A datagram takes a fraction of a millisecond and an eye a tenth of a second, so each is shown
 * for at least a while of the viewer's time, whatever the speed; in slow motion it takes as long as it did.
 */

import { MESSAGE_KINDS, type MessageKind } from "../../journal/message-kinds.ts";
import type { Story } from "../../journal/story/story.ts";
import { type Copy, forEachCopy } from "../model/copies.ts";
import { traceCross, traceMessage } from "./glyphs.ts";
import type { Palette } from "./palette.ts";

export interface MessagesFrame {
  readonly ctx: CanvasRenderingContext2D;
  readonly palette: Palette;
  readonly story: Story;
  readonly atMs: number;
  /** Of the journal; what was sent shortly before may still arrive. */
  readonly endMs: number;
  /** Virtual milliseconds a millisecond of the viewer's. */
  readonly pace: number;
  readonly spots: ReadonlyMap<number, { readonly x: number; readonly y: number }>;
  readonly hidden: ReadonlySet<MessageKind>;
  readonly nodeRadius: number;
  /** Called for each message that flies, with its place. */
  readonly onFlying?: (copy: Copy, x: number, y: number) => void;
  /** No movement: messages are lines that are there and then aren't. */
  readonly isStill: boolean;
}

/** Of the viewer's time. */
const SHOWN_MS = 420;
/** Longer than this a message isn't followed. */
const ACTUAL_MS_MAX = 4_000;
/** A message that isn't there by then is taken for lost. */
export const LOST_AFTER_MS = 1_000;
const SHOWN_MAX = 1_500;

interface Drawn {
  readonly x: number;
  readonly y: number;
  readonly tailX: number;
  readonly tailY: number;
}

export function drawMessages(frame: MessagesFrame): void {
  const { ctx, palette, story, atMs, endMs, spots, hidden } = frame;
  const leastMs = SHOWN_MS * frame.pace;
  const byKind = new Map<MessageKind, Drawn[]>();
  const crosses: { x: number; y: number; alpha: number }[] = [];
  let shown = 0;
  forEachCopy(story, atMs - Math.max(leastMs * 1.5, ACTUAL_MS_MAX), atMs, (flight) => {
    if (hidden.has(flight.kind) || shown >= SHOWN_MAX) return;
    const [a, b] = [spots.get(flight.from), spots.get(flight.to)];
    if (a === undefined || b === undefined) return;
    const isDropped = flight.droppedAtMs <= endMs;
    const isLost = Number.isNaN(flight.receivedAtMs) && (isDropped || endMs - flight.sentAtMs > LOST_AFTER_MS);
    const actualMs = Number.isNaN(flight.receivedAtMs) ? 0 : flight.receivedAtMs - flight.sentAtMs;
    const lastsMs = Math.max(leastMs, actualMs);
    const done = (atMs - flight.sentAtMs) / lastsMs;
    if (done > (isLost ? 1.4 : 1)) return;
    shown += 1;
    const at = frame.isStill ? 0.5 : isLost ? Math.min(done, 0.55) : done;
    const place = along(a, b, at, frame.nodeRadius);
    if (isLost && (done > 0.55 || frame.isStill)) {
      crosses.push({ ...place, alpha: frame.isStill ? 1 : Math.max(0, Math.min(1, (1.4 - done) * 2)) });
      return;
    }
    const tail = frame.isStill
      ? along(a, b, 0.1, frame.nodeRadius)
      : along(a, b, Math.max(0, at - 0.12), frame.nodeRadius);
    frame.onFlying?.(flight, place.x, place.y);
    const drawn = { ...place, tailX: tail.x, tailY: tail.y };
    const list = byKind.get(flight.kind);
    if (list === undefined) byKind.set(flight.kind, [drawn]);
    else list.push(drawn);
  });
  for (const kind of MESSAGE_KINDS.toReversed()) drawKind(ctx, palette, kind, byKind.get(kind) ?? [], frame.nodeRadius);
  ctx.strokeStyle = palette.bad;
  // Hundreds of losses at once must leave the nodes and the cut to be seen.
  const isCrowded = frame.nodeRadius <= 16 || crosses.length > 60;
  ctx.lineWidth = isCrowded ? 1.2 : 2;
  for (const { x, y, alpha } of crosses) {
    ctx.globalAlpha = isCrowded ? alpha * 0.6 : alpha;
    ctx.beginPath();
    traceCross(ctx, x, y, isCrowded ? 3 : 5);
    ctx.stroke();
  }
  ctx.globalAlpha = 1;
}

function drawKind(
  ctx: CanvasRenderingContext2D,
  palette: Palette,
  kind: MessageKind,
  drawn: readonly Drawn[],
  nodeRadius: number,
): void {
  if (drawn.length === 0) return;
  const isQuiet = kind === "heartbeat" || kind === "probe";
  ctx.strokeStyle = palette[kind];
  ctx.fillStyle = palette[kind];
  ctx.globalAlpha = isQuiet ? 0.35 : 0.6;
  ctx.lineWidth = isQuiet ? 1.2 : 2;
  ctx.beginPath();
  for (const { x, y, tailX, tailY } of drawn) {
    ctx.moveTo(tailX, tailY);
    ctx.lineTo(x, y);
  }
  ctx.stroke();
  ctx.globalAlpha = isQuiet ? 0.75 : 1;
  const size = (isQuiet ? 3.2 : 4.6) * (nodeRadius > 16 ? 1 : 0.75);
  ctx.beginPath();
  for (const { x, y } of drawn) traceMessage(ctx, kind, x, y, size);
  ctx.fill();
  ctx.globalAlpha = 1;
}

/** On a slightly bent way, so that both directions of a talk can be told apart; from rim to rim. */
function along(
  a: { readonly x: number; readonly y: number },
  b: { readonly x: number; readonly y: number },
  at: number,
  rim: number,
): { x: number; y: number } {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy) || 1;
  const from = rim / length;
  const s = from + (1 - 2 * from) * at;
  const bend = 0.09 * length * 4 * s * (1 - s) * 0.5;
  return { x: a.x + dx * s - (dy / length) * bend, y: a.y + dy * s + (dx / length) * bend };
}
