/**
 * The space-time diagram: a column a node, time downwards, messages as arrows. Idea: it is drawn on a sheet that moves up as time goes
 * on; only what came in at the bottom is drawn, so a busy cluster costs no more than a quiet one. Highlights lie on top of it
 * (space-time-overlay.ts).
 */
import type { Entry } from "../../journal/entry.ts";
import { kindOfMessage, type MessageKind } from "../../journal/message-kinds.ts";
import { type Copy, copiesDroppedBy, forEachCopy } from "../model/copies.ts";
import { DiagramRows } from "../model/diagram-rows.ts";
import type { History } from "../model/history.ts";
import { type Bar, barsWithin } from "../model/spans.ts";
import { LOST_AFTER_MS } from "./draw-messages.ts";
import { hatch, traceArrowHead, traceCross, traceDot, traceMessage, tracePolygon } from "./glyphs.ts";
import type { Palette } from "./palette.ts";

export interface Geometry {
  readonly width: number;
  readonly height: number;
  /** Where nothing happens; busy spans are stretched. */
  readonly msPerPx: number;
  readonly ids: readonly number[];
}

export interface SheetLook {
  readonly history: History;
  readonly palette: Palette;
  readonly hidden: ReadonlySet<MessageKind>;
}

/** Left and right of the columns. */
const MARGIN = 40;

export function columnOf(geometry: Geometry, id: number): number {
  const n = geometry.ids.indexOf(id);
  if (n < 0) return Number.NaN;
  const room = geometry.width - 2 * MARGIN;
  return MARGIN + (geometry.ids.length === 1 ? room / 2 : (room * n) / (geometry.ids.length - 1));
}

/** Rows below the lower edge: a sign at the edge is drawn whole, and seen whole when it has moved up. */
const BELOW_PX = 14;

/** Spans lie under events, on a layer of their own. */
class Layer {
  readonly canvas = document.createElement("canvas");
  readonly ctx = this.canvas.getContext("2d") as CanvasRenderingContext2D;

  clear(width: number, height: number, scale: number): void {
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
    this.ctx.setTransform(scale, 0, 0, scale, 0, 0);
  }

  moveUp(pixels: number): void {
    const { ctx } = this;
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalCompositeOperation = "copy";
    ctx.drawImage(this.canvas, 0, -pixels);
    ctx.restore();
  }
}

export class SpaceTimeSheet {
  readonly #lasting = new Layer();
  readonly #events = new Layer();
  #geometry: Geometry | null = null;
  #scale = 1;
  #rows: DiagramRows | null = null;
  #rowsKey = "";
  #rowsOf: History | null = null;
  /** Height of the lower edge among all rows, and what was drawn so far: entries by number, lost messages by the time of their sending. */
  #bottomPx = 0;
  #drawnCount = 0;
  #lostMs = 0;
  #key = "";

  get #topPx(): number {
    return this.#bottomPx - (this.#geometry?.height ?? 0);
  }

  /** Instant of the upper edge. */
  get topMs(): number {
    return this.timeAt(0);
  }

  get bottomMs(): number {
    return this.timeAt(this.#geometry?.height ?? 0);
  }

  yOf(atMs: number): number {
    return (this.#rows?.yAt(atMs) ?? 0) - this.#topPx;
  }

  /** Of an entry, by its number. NaN: it has none. */
  rowOf(index: number): number {
    return (this.#rows?.yOf(index) ?? Number.NaN) - this.#topPx;
  }

  timeAt(y: number): number {
    return this.#rows?.timeAt(this.#topPx + y) ?? 0;
  }

  /** How many entries there are down to that height, as an absolute number. */
  countAt(y: number): number {
    return this.#rows?.countAt(this.#topPx + y) ?? 0;
  }

  /** Height of the first of the lines that move with the sheet, so many pixels apart. */
  firstLine(px: number): number {
    return Math.ceil(this.#topPx / px) * px - this.#topPx;
  }

  /** Where every entry is, up to the newest one. */
  placeRows({ history, hidden }: SheetLook, { msPerPx, ids }: Geometry): DiagramRows {
    const key = `${msPerPx} ${ids.length} ${[...hidden].join()}`;
    if (this.#rows === null || this.#rowsOf !== history || this.#rowsKey !== key) {
      this.#rows = new DiagramRows(history, 1 / msPerPx, ids.length, hidden);
      [this.#rowsOf, this.#rowsKey] = [history, key];
    }
    this.#rows.extend();
    return this.#rows;
  }

  /** Puts it at the origin of a canvas. */
  paintOn(ctx: CanvasRenderingContext2D): void {
    const { width = 0, height = 0 } = this.#geometry ?? {};
    for (const { canvas } of [this.#lasting, this.#events]) {
      const rows = Math.min(canvas.height, Math.round(height * this.#scale));
      if (rows > 0) ctx.drawImage(canvas, 0, 0, canvas.width, rows, 0, 0, width, height);
    }
  }

  /**
   * @param bottomPx height of the lower edge among the rows (placeRows)
   * @param key whatever makes all that was drawn wrong when it changes
   */
  draw(look: SheetLook, geometry: Geometry, scale: number, bottomPx: number, key: string): void {
    const isNew = this.#geometry === null || key !== this.#key || this.#isOther(geometry, scale);
    const movedPx = isNew ? 0 : bottomPx - this.#bottomPx;
    if (isNew || movedPx < 0 || movedPx > geometry.height * 0.7) {
      this.#redraw(look, geometry, scale, bottomPx, key);
      return;
    }
    const steps = Math.floor(movedPx * scale) / scale;
    if (steps > 0) this.#moveUp(look, steps);
    this.#drawEntries(look);
  }

  #isOther(geometry: Geometry, scale: number): boolean {
    const old = this.#geometry as Geometry;
    return (
      old.width !== geometry.width ||
      old.height !== geometry.height ||
      old.msPerPx !== geometry.msPerPx ||
      scale !== this.#scale ||
      old.ids.join() !== geometry.ids.join()
    );
  }

  #redraw(look: SheetLook, geometry: Geometry, scale: number, bottomPx: number, key: string): void {
    this.#geometry = geometry;
    this.#scale = scale;
    this.#key = key;
    this.#bottomPx = bottomPx;
    for (const layer of [this.#lasting, this.#events]) layer.clear(geometry.width, geometry.height + BELOW_PX, scale);
    // Arrows that end on the sheet may begin above it.
    this.#drawnCount = this.countAt(-300);
    this.#lostMs = this.timeAt(-300);
    this.#drawBackground(look, 0, geometry.height);
    this.#drawEntries(look);
  }

  #moveUp(look: SheetLook, px: number): void {
    const { height } = this.#geometry as Geometry;
    for (const layer of [this.#lasting, this.#events]) layer.moveUp(Math.round(px * this.#scale));
    this.#bottomPx += px;
    this.#drawBackground(look, height - px, height);
  }

  /** Life lines and whatever lasts, for some rows. */
  #drawBackground(look: SheetLook, fromY: number, toY: number): void {
    const geometry = this.#geometry as Geometry;
    const { palette, history } = look;
    const { ctx } = this.#lasting;
    ctx.clearRect(0, fromY, geometry.width, toY - fromY);
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, fromY, geometry.width, toY - fromY);
    ctx.clip();
    const spans = barsWithin(history.story, this.timeAt(fromY), this.timeAt(toY));
    const rows = (span: Bar): [number, number] => [
      Math.max(fromY, this.yOf(span.fromMs)),
      Math.min(toY, this.yOf(Math.min(span.toMs, this.timeAt(toY)))),
    ];
    for (const span of spans) {
      if (span.kind !== "fault") continue;
      const [top, bottom] = rows(span);
      ctx.globalAlpha = 0.1;
      ctx.fillStyle = palette.bad;
      ctx.fillRect(0, top, geometry.width, bottom - top);
      ctx.globalAlpha = 1;
      ctx.fillRect(0, top, 4, bottom - top);
    }
    ctx.strokeStyle = palette.line;
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (const id of geometry.ids) {
      const x = Math.round(columnOf(geometry, id)) + 0.5;
      let y = fromY;
      for (const span of spans) {
        if (span.node !== id || (span.kind !== "down" && span.kind !== "paused")) continue;
        const [top, bottom] = rows(span);
        if (top > y) {
          ctx.moveTo(x, y);
          ctx.lineTo(x, top);
        }
        y = Math.max(y, bottom);
      }
      if (y >= toY) continue;
      ctx.moveTo(x, y);
      ctx.lineTo(x, toY);
    }
    ctx.stroke();
    for (const span of spans) this.#drawSpan(palette, span, ...rows(span));
    ctx.restore();
  }

  #drawSpan(palette: Palette, span: Bar, top: number, bottom: number): void {
    const { ctx } = this.#lasting;
    const x = Math.round(columnOf(this.#geometry as Geometry, span.node));
    if (Number.isNaN(x) || bottom <= top) return;
    const height = bottom - top;
    if (span.kind === "lead") {
      ctx.fillStyle = palette.accent;
      ctx.fillRect(x - 2, top, 5, height);
    } else if (span.kind === "down") {
      ctx.fillStyle = palette.faint;
      ctx.fillRect(x, top, 1, height);
    } else if (span.kind === "paused") {
      ctx.strokeStyle = palette.soft;
      ctx.lineWidth = 1.5;
      hatch(ctx, x - 4, top, 9, height, 6, -this.#topPx);
    } else if (span.kind === "held") {
      ctx.strokeStyle = palette.warn;
      ctx.lineWidth = 1.5;
      hatch(ctx, x - 7, top, 14, height, 5, -this.#topPx);
      ctx.strokeRect(x - 7, Math.max(top, this.yOf(span.fromMs)), 14, height);
    }
  }

  #drawEntries(look: SheetLook): void {
    const { history } = look;
    const endCount = this.countAt((this.#geometry as Geometry).height);
    const first = Math.max(this.#drawnCount, history.begin);
    for (let index = first; index < endCount; index++) this.#drawEntry(look, index);
    this.#drawnCount = Math.max(endCount, first);
    // Whether a message is lost can be said only some time later.
    const lostMs = Math.min(this.bottomMs, history.endMs - LOST_AFTER_MS);
    if (lostMs > this.#lostMs) this.#drawLost(look, this.#lostMs, lostMs);
    this.#lostMs = Math.max(this.#lostMs, lostMs);
  }

  #drawEntry(look: SheetLook, index: number): void {
    const entry = look.history.entry(index);
    if (entry === undefined || entry.kind === "send") return;
    const dropped = copiesDroppedBy(look.history.story, entry);
    for (const copy of dropped) this.#drawDropped(look, copy, index);
    if (dropped.length > 0) return;
    drawEvent(this.#events.ctx, look, this.#geometry as Geometry, (other) => this.rowOf(other), entry, index);
  }

  /** It came as far as the receiver's end of the line. */
  #drawDropped(look: SheetLook, copy: Copy, index: number): void {
    if (look.hidden.has(copy.kind)) return;
    const { ctx } = this.#events;
    const geometry = this.#geometry as Geometry;
    const [x1, x2] = [columnOf(geometry, copy.from), columnOf(geometry, copy.to)];
    const [y1, y2] = [this.rowOf(look.history.indexOf(copy.trip.entry)), this.rowOf(index)];
    if (Number.isNaN(x1 + x2 + y1)) return;
    // Before the life line: the node never saw it.
    const share = 1 - Math.min(0.5, 12 / Math.max(1, Math.abs(x2 - x1)));
    const [x, y] = [x1 + (x2 - x1) * share, y1 + (y2 - y1) * share];
    ctx.strokeStyle = look.palette[copy.kind];
    ctx.globalAlpha = copy.kind === "heartbeat" || copy.kind === "probe" ? 0.35 : 0.8;
    ctx.lineWidth = 1;
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    ctx.moveTo(x1, y1);
    ctx.lineTo(x, y);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
    ctx.strokeStyle = look.palette.bad;
    ctx.lineWidth = 1.4;
    ctx.beginPath();
    traceCross(ctx, x, y, 3.2 * signUnit(geometry));
    ctx.stroke();
  }

  #drawLost(look: SheetLook, fromMs: number, toMs: number): void {
    const { ctx } = this.#events;
    const geometry = this.#geometry as Geometry;
    ctx.lineWidth = 1.4;
    forEachCopy(look.history.story, fromMs, toMs, (copy) => {
      const isKnown = !Number.isNaN(copy.receivedAtMs) || !Number.isNaN(copy.droppedAtMs);
      if (isKnown || look.hidden.has(copy.kind)) return;
      const [x, towards] = [columnOf(geometry, copy.from), columnOf(geometry, copy.to)];
      const y = this.rowOf(look.history.indexOf(copy.trip.entry));
      if (Number.isNaN(x + towards + y)) return;
      const reach = Math.sign(towards - x) * Math.min(26, Math.abs(towards - x) * 0.4);
      ctx.strokeStyle = look.palette[copy.kind];
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(x + reach, y + 5);
      ctx.stroke();
      ctx.strokeStyle = look.palette.bad;
      ctx.beginPath();
      traceCross(ctx, x + reach, y + 5, 3.2 * signUnit(geometry));
      ctx.stroke();
    });
  }
}

/** One event, with the arrow that it ends. Sheet and overlay share it. */
export function drawEvent(
  ctx: CanvasRenderingContext2D,
  look: SheetLook,
  geometry: Geometry,
  rowOf: (index: number) => number,
  entry: Entry,
  index: number,
  /** Instead of the event's own colour. */
  colour: string | null = null,
): void {
  const { history, palette, hidden } = look;
  const x = columnOf(geometry, entry.node);
  const y = rowOf(index);
  if (Number.isNaN(x) || y < -20 || y > geometry.height + 20) return;
  // A datagram that an impaired line swallowed is no event of the node's; the sheet has its arrow.
  if (copiesDroppedBy(history.story, entry).length > 0) return;
  if (entry.kind === "recv" || entry.kind === "send") {
    const kind = kindOfMessage(entry.type);
    if (hidden.has(kind)) return;
    const cause = entry.kind === "recv" ? history.causeOf(index) : -1;
    const sender = cause < 0 ? undefined : history.entry(cause);
    ctx.strokeStyle = ctx.fillStyle = colour ?? palette[kind];
    if (sender === undefined) {
      ctx.beginPath();
      traceDot(ctx, x, y, 1.8);
      ctx.fill();
      return;
    }
    drawArrow(ctx, kind, columnOf(geometry, sender.node), rowOf(cause), x, y);
    return;
  }
  drawSign(ctx, palette, entry, x, y, signUnit(geometry), colour);
}

/** 1: full size; narrow columns have smaller signs. */
function signUnit({ width, ids }: Geometry): number {
  const spacing = (width - 2 * MARGIN) / Math.max(1, ids.length - 1);
  return Math.min(1, Math.max(0.45, spacing / 26));
}

function drawArrow(
  ctx: CanvasRenderingContext2D,
  kind: MessageKind,
  x1: number,
  y1: number,
  x2: number,
  y2: number,
): void {
  if (Number.isNaN(x1 + y1)) return;
  const isQuiet = kind === "heartbeat" || kind === "probe";
  const angle = Math.atan2(y2 - y1, x2 - x1);
  ctx.globalAlpha = isQuiet ? 0.4 : 0.9;
  ctx.lineWidth = isQuiet ? 0.8 : 1.4;
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
  ctx.globalAlpha = isQuiet ? 0.6 : 1;
  ctx.beginPath();
  traceArrowHead(ctx, x2, y2, angle, isQuiet ? 5 : 7);
  traceMessage(ctx, kind, x1, y1, isQuiet ? 1.6 : 2.4);
  ctx.fill();
  ctx.globalAlpha = 1;
}

/** Local events of a node. */
function drawSign(
  ctx: CanvasRenderingContext2D,
  palette: Palette,
  entry: Entry,
  x: number,
  y: number,
  unit: number,
  colour: string | null,
): void {
  ctx.beginPath();
  switch (entry.kind) {
    case "election": {
      const isLeader = entry.role === "COORDINATOR";
      const size = 6 * unit;
      tracePolygon(ctx, [x, y - size, x + size, y, x, y + size, x - size, y]);
      ctx.fillStyle = isLeader ? (colour ?? palette.accent) : palette.panel;
      ctx.strokeStyle = colour ?? palette.election;
      break;
    }
    case "trade":
    case "deliver":
      ctx.rect(x - 4 * unit, y - 4 * unit, 8 * unit, 8 * unit);
      ctx.fillStyle = entry.kind === "trade" ? (colour ?? palette.trade) : palette.panel;
      ctx.strokeStyle = colour ?? palette.trade;
      break;
    case "member":
      if (entry.state !== "SUSPECTED" && entry.state !== "FAILED") return;
      tracePolygon(ctx, [x, y - 5 * unit, x + 5 * unit, y + 4 * unit, x - 5 * unit, y + 4 * unit]);
      ctx.fillStyle = entry.state === "FAILED" ? (colour ?? palette.bad) : palette.panel;
      ctx.strokeStyle = colour ?? (entry.state === "FAILED" ? palette.bad : palette.warn);
      break;
    case "drop":
      ctx.strokeStyle = colour ?? palette.bad;
      ctx.lineWidth = 1.6;
      traceCross(ctx, x, y, 4);
      ctx.stroke();
      return;
    case "hold":
      ctx.strokeStyle = colour ?? palette.warn;
      ctx.lineWidth = 2;
      ctx.moveTo(x - 8, y);
      ctx.lineTo(x + 8, y);
      ctx.stroke();
      return;
    default:
      ctx.fillStyle = colour ?? palette.soft;
      traceDot(ctx, x, y, 2.4);
      ctx.fill();
      return;
  }
  ctx.lineWidth = unit < 0.7 ? 1 : 1.6;
  ctx.fill();
  ctx.stroke();
}
