/**
 * The whole run on one strip: who led, which faults were in force, who was down, and marks for what happened at one moment.
 */
import type { History } from "../model/history.ts";
import type { Mark, MarkKind } from "../model/marks.ts";
import { type Bar, barsWithin } from "../model/spans.ts";
import { hatch, traceCross, traceCrown, traceDot, tracePolygon } from "./glyphs.ts";
import type { Palette } from "./palette.ts";

export interface TimelineFrame {
  readonly ctx: CanvasRenderingContext2D;
  readonly palette: Palette;
  readonly history: History;
  readonly width: number;
  readonly height: number;
  /** What is shown, and where the run begins. */
  readonly beginMs: number;
  readonly endMs: number;
  readonly zeroMs: number;
}

export const TIMELINE_PAD = 14;
const ROW = { marks: 12, lead: 28, provisional: 43, faults: 57, nodes: 72, axis: 86 } as const;

export function timelineX(frame: Pick<TimelineFrame, "width" | "beginMs" | "endMs">, atMs: number): number {
  const share = (atMs - frame.beginMs) / Math.max(1, frame.endMs - frame.beginMs);
  return TIMELINE_PAD + share * (frame.width - 2 * TIMELINE_PAD);
}

export function timelineMs(frame: Pick<TimelineFrame, "width" | "beginMs" | "endMs">, x: number): number {
  const share = (x - TIMELINE_PAD) / Math.max(1, frame.width - 2 * TIMELINE_PAD);
  return frame.beginMs + Math.min(1, Math.max(0, share)) * (frame.endMs - frame.beginMs);
}

export function drawTimeline(frame: TimelineFrame): void {
  const { ctx, palette, history, width, height } = frame;
  ctx.clearRect(0, 0, width, height);
  drawAxis(frame);
  const spans = barsWithin(history.story, frame.beginMs, frame.endMs);
  const faults = spans.filter((span) => span.kind === "fault");
  const nodes = spans.filter((span) => span.kind === "down" || span.kind === "paused");
  const leads = spans.filter((span) => span.kind === "lead").sort((a, b) => a.fromMs - b.fromMs);
  leads.forEach((span, n) => {
    const next = leads.find((other, m) => m > n && other.isProvisional === span.isProvisional);
    drawLead(frame, span, next);
  });
  faults.forEach((span, n) => {
    drawBand(frame, span, faults[n + 1], ROW.faults, palette.bad, span.label);
  });
  nodes.forEach((span, n) => {
    const colour = span.kind === "paused" ? palette.warn : palette.soft;
    drawBand(frame, span, nodes[n + 1], ROW.nodes, colour, `${span.node} ${span.label}`);
  });
  const marks = history.marks.within(frame.beginMs, frame.endMs);
  for (const mark of marks) if (mark.kind !== "violation") drawMark(frame, mark);
  // What is wrong lies on top of all.
  for (const mark of marks) if (mark.kind === "violation") drawViolation(frame, mark);
}

function drawAxis(frame: TimelineFrame): void {
  const { ctx, palette, width, beginMs, endMs, zeroMs } = frame;
  ctx.strokeStyle = palette.faint;
  ctx.fillStyle = palette.soft;
  ctx.font = `12px ${palette.mono}`;
  ctx.textBaseline = "alphabetic";
  ctx.textAlign = "center";
  ctx.lineWidth = 1;
  const step = niceTimeStep((endMs - beginMs) / Math.max(2, width / 110));
  ctx.beginPath();
  for (let at = Math.ceil((beginMs - zeroMs) / step) * step; at <= endMs - zeroMs; at += step) {
    const x = Math.round(timelineX(frame, zeroMs + at)) + 0.5;
    ctx.moveTo(x, 20);
    ctx.lineTo(x, ROW.axis - 7);
    ctx.fillText(formatOffset(at, step), Math.min(Math.max(x, 20), width - 22), ROW.axis + 4);
  }
  ctx.stroke();
}

/** Both sides of a cut may have one: their names don't run into each other. */
function drawLead(frame: TimelineFrame, span: Bar, next: Bar | undefined): void {
  const { ctx, palette } = frame;
  const [x1, x2] = [
    timelineX(frame, Math.max(span.fromMs, frame.beginMs)),
    timelineX(frame, Math.min(span.toMs, frame.endMs)),
  ];
  const width = Math.max(2, x2 - x1 - 1);
  // Two sides of a partition may both have one: the one without a majority stands below.
  const { isProvisional } = span;
  const row = isProvisional ? ROW.provisional : ROW.lead;
  const height = isProvisional ? 11 : 15;
  ctx.fillStyle = palette.accent;
  ctx.strokeStyle = palette.accent;
  ctx.globalAlpha = 0.16;
  ctx.fillRect(x1, row - 6, width, height);
  ctx.globalAlpha = 1;
  if (isProvisional) {
    ctx.lineWidth = 1;
    hatch(ctx, x1 + 14, row - 6, Math.max(0, width - 14), height, 5);
  }
  ctx.fillRect(x1, row - 6, 2, height);
  const term = width > 80 && !isProvisional ? ` · ${span.label}` : "";
  const room = next === undefined ? width : Math.min(width, timelineX(frame, next.fromMs) - x1);
  drawText(frame, `${span.node}${term}`, x1 + 6, row + (isProvisional ? 0 : 2), room - 8, palette.ink);
}

/** Its words may go beyond it, up to the next one. */
function drawBand(
  frame: TimelineFrame,
  span: Bar,
  next: Bar | undefined,
  row: number,
  colour: string,
  text: string,
): void {
  const { ctx, palette } = frame;
  const [x1, x2] = [
    timelineX(frame, Math.max(span.fromMs, frame.beginMs)),
    timelineX(frame, Math.min(span.toMs, frame.endMs)),
  ];
  const width = Math.max(3, x2 - x1);
  ctx.fillStyle = colour;
  ctx.globalAlpha = 0.2;
  ctx.fillRect(x1, row - 6, width, 13);
  ctx.globalAlpha = 1;
  ctx.fillRect(x1, row - 6, 2, 13);
  const room = next === undefined ? frame.width - x1 - TIMELINE_PAD - 8 : timelineX(frame, next.fromMs) - x1 - 10;
  drawText(frame, text, x1 + 6, row + 1, room, palette.ink);
}

function drawText(
  { ctx, palette }: TimelineFrame,
  text: string,
  x: number,
  y: number,
  room: number,
  colour: string,
): void {
  if (room < 8) return;
  ctx.font = `500 12px ${palette.font}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.fillStyle = colour;
  let shown = text;
  while (shown.length > 1 && ctx.measureText(shown).width > room) shown = `${shown.slice(0, -2)}…`;
  if (shown.length > 1 || text.length === 1) ctx.fillText(shown, x, y);
}

function drawMark(frame: TimelineFrame, mark: Mark): void {
  const { ctx, palette } = frame;
  const x = timelineX(frame, mark.atMs);
  drawMarkSign(ctx, palette, mark.kind, x, ROW.marks);
}

function drawViolation(frame: TimelineFrame, mark: Mark): void {
  const { ctx, palette } = frame;
  const x = timelineX(frame, mark.atMs);
  ctx.fillStyle = palette.panel;
  ctx.fillRect(x - 6, ROW.marks - 10, 12, 21);
  ctx.fillStyle = palette.bad;
  ctx.fillRect(x - 0.75, ROW.marks + 8, 1.5, ROW.axis - 16 - ROW.marks);
  drawMarkSign(ctx, palette, "violation", x, ROW.marks);
}

/** One mark's sign. */
function drawMarkSign(ctx: CanvasRenderingContext2D, palette: Palette, kind: MarkKind, x: number, y: number): void {
  ctx.lineWidth = 1.8;
  ctx.beginPath();
  switch (kind) {
    case "leader":
      ctx.fillStyle = palette.accent;
      traceCrown(ctx, x, y + 4, 12);
      ctx.fill();
      break;
    case "election":
      ctx.strokeStyle = palette.election;
      tracePolygon(ctx, [x, y - 5, x + 5, y, x, y + 5, x - 5, y]);
      ctx.stroke();
      break;
    case "fault":
      ctx.fillStyle = palette.bad;
      tracePolygon(ctx, [x - 5, y - 4, x + 5, y - 4, x, y + 5]);
      ctx.fill();
      break;
    case "heal":
    case "begin":
      ctx.strokeStyle = palette.good;
      ctx.moveTo(x - 5, y);
      ctx.lineTo(x + 5, y);
      ctx.moveTo(x, y - 5);
      ctx.lineTo(x, y + 5);
      ctx.stroke();
      break;
    case "end":
      ctx.strokeStyle = palette.bad;
      traceCross(ctx, x, y, 4);
      ctx.stroke();
      break;
    case "failed":
      ctx.fillStyle = palette.warn;
      tracePolygon(ctx, [x, y - 5, x + 5, y + 4, x - 5, y + 4]);
      ctx.fill();
      break;
    case "violation":
      ctx.fillStyle = palette.bad;
      ctx.rect(x - 2, y - 8, 4, 11);
      ctx.rect(x - 2, y + 5, 4, 4);
      ctx.fill();
      break;
    default:
      ctx.fillStyle = palette.soft;
      traceDot(ctx, x, y, 2.5);
      ctx.fill();
  }
}

/** 1, 2 or 5 times a power of ten, at least `ms`. */
export function niceStep(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, ms)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= ms) ?? power * 10;
}

const MINUTES_MS = [15, 30, 60, 120, 300, 600, 900, 1_800, 3_600].map((seconds) => seconds * 1_000);

/** The same for time: from a quarter of a minute on as on a clock. */
export function niceTimeStep(ms: number): number {
  return ms <= 10_000 ? niceStep(ms) : (MINUTES_MS.find((step) => step >= ms) ?? niceStep(ms / 3_600_000) * 3_600_000);
}

export function formatOffset(ms: number, step: number): string {
  if (ms === 0) return "0";
  if (step < 1_000) return `${(ms / 1_000).toFixed(step < 10 ? 3 : step < 100 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120 && step < 15_000) return `${seconds} s`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
