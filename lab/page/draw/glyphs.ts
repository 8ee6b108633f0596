/**
 * Small signs that pictures share: each kind of messages has a shape beside its colour, so that nothing is told by colour alone.
 */
import type { MessageKind } from "../../journal/message-kinds.ts";

type Context = CanvasRenderingContext2D;

/** Adds the kind's shape to the current path; `size` is its half width in pixels. */
export function traceMessage(ctx: Context, kind: MessageKind, x: number, y: number, size: number): void {
  switch (kind) {
    case "trade":
      ctx.rect(x - size, y - size, size * 2, size * 2);
      break;
    case "election":
      tracePolygon(ctx, [x, y - size * 1.4, x + size * 1.4, y, x, y + size * 1.4, x - size * 1.4, y]);
      break;
    case "membership":
      tracePolygon(ctx, [x, y - size * 1.3, x + size * 1.25, y + size, x - size * 1.25, y + size]);
      break;
    case "repair":
      tracePolygon(ctx, [x, y + size * 1.3, x + size * 1.25, y - size, x - size * 1.25, y - size]);
      break;
    case "heartbeat":
      traceDot(ctx, x, y, size);
      break;
    default:
      traceDot(ctx, x, y, size * 0.62);
  }
}

export function traceDot(ctx: Context, x: number, y: number, radius: number): void {
  ctx.moveTo(x + radius, y);
  ctx.arc(x, y, radius, 0, Math.PI * 2);
}

export function tracePolygon(ctx: Context, points: readonly number[]): void {
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = [points[i] as number, points[i + 1] as number];
    if (i === 0) ctx.moveTo(x, y);
    else ctx.lineTo(x, y);
  }
  ctx.closePath();
}

/** A cross: lost, or dead. */
export function traceCross(ctx: Context, x: number, y: number, size: number): void {
  ctx.moveTo(x - size, y - size);
  ctx.lineTo(x + size, y + size);
  ctx.moveTo(x + size, y - size);
  ctx.lineTo(x - size, y + size);
}

/** A crown that stands on (x, y), `width` wide. */
export function traceCrown(ctx: Context, x: number, y: number, width: number): void {
  const half = width / 2;
  const height = width * 0.62;
  tracePolygon(ctx, [
    x - half * 0.86,
    y,
    x - half,
    y - height * 0.82,
    x - half * 0.45,
    y - height * 0.42,
    x,
    y - height,
    x + half * 0.45,
    y - height * 0.42,
    x + half,
    y - height * 0.82,
    x + half * 0.86,
    y,
  ]);
}

export function traceArrowHead(ctx: Context, x: number, y: number, angle: number, size: number): void {
  const spread = 0.42;
  ctx.moveTo(x, y);
  ctx.lineTo(x - size * Math.cos(angle - spread), y - size * Math.sin(angle - spread));
  ctx.lineTo(x - size * Math.cos(angle + spread), y - size * Math.sin(angle + spread));
  ctx.closePath();
}

/** Slanted lines within a rectangle: waiting, frozen. */
export function hatch(
  ctx: Context,
  x: number,
  y: number,
  width: number,
  height: number,
  gap: number,
  /** Of the pattern, so that pieces of one bar fit each other. */
  origin = 0,
): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, height);
  ctx.clip();
  ctx.beginPath();
  const from = Math.floor((y - origin - width) / gap) * gap + origin;
  for (let at = from; at < y + height + width; at += gap) {
    ctx.moveTo(x, at + width);
    ctx.lineTo(x + width, at);
  }
  ctx.stroke();
  ctx.restore();
}
