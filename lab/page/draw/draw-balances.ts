/**
 * Balances over time, one stepped line a node, each named at its end: who has what can be read without telling colours apart.
 */
import type { History } from "../model/history.ts";
import { formatOffset, niceStep, niceTimeStep } from "./draw-timeline.ts";
import type { Palette } from "./palette.ts";

export interface BalancesFrame {
  readonly ctx: CanvasRenderingContext2D;
  readonly palette: Palette;
  readonly history: History;
  readonly width: number;
  readonly height: number;
  readonly atMs: number;
  readonly selected: number | null;
}

const PAD = { left: 40, right: 34, top: 10, bottom: 22 } as const;

export function drawBalances(frame: BalancesFrame): void {
  const { ctx, palette, history, width, height, atMs } = frame;
  ctx.clearRect(0, 0, width, height);
  const points = history.balances;
  const beginMs = history.beginMs;
  const endMs = Math.max(history.endMs, atMs, beginMs + 1_000);
  const values = points.map((point) => point.balance);
  const top = Math.max(10, ...values);
  const low = Math.min(0, ...values);
  const xOf = (ms: number): number => PAD.left + ((ms - beginMs) / (endMs - beginMs)) * (width - PAD.left - PAD.right);
  const yOf = (value: number): number =>
    PAD.top + (1 - (value - low) / (top * 1.06 - low)) * (height - PAD.top - PAD.bottom);
  drawGrid(frame, low, top, yOf, endMs - beginMs, (ms) => xOf(beginMs + ms));
  const lines = new Map<number, { atMs: number; balance: number }[]>();
  for (const point of points) {
    const line = lines.get(point.node);
    if (line === undefined) lines.set(point.node, [point]);
    else line.push(point);
  }
  const ends: { id: number; y: number }[] = [];
  const ids = [...lines.keys()].sort((a, b) => (a === frame.selected ? 1 : b === frame.selected ? -1 : a - b));
  for (const id of ids) {
    const line = lines.get(id) ?? [];
    const isSelected = id === frame.selected;
    ctx.strokeStyle = isSelected ? palette.accent : palette.soft;
    ctx.globalAlpha = isSelected || lines.size <= 8 ? 1 : 0.5;
    ctx.lineWidth = isSelected ? 2.4 : 1.3;
    // Lines that run over each other differ in their strokes.
    ctx.setLineDash([[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2]][id % 5] ?? []);
    ctx.beginPath();
    let last: number | null = null;
    for (const point of line) {
      if (point.atMs > atMs) break;
      const [x, y] = [xOf(point.atMs), yOf(point.balance)];
      if (last === null) ctx.moveTo(x, y);
      else {
        ctx.lineTo(x, yOf(last));
        ctx.lineTo(x, y);
      }
      last = point.balance;
    }
    if (last !== null) {
      ctx.lineTo(xOf(atMs), yOf(last));
      ends.push({ id, y: yOf(last) });
    }
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
  drawEnds(frame, ends, xOf(atMs));
}

function drawGrid(
  { ctx, palette, width, height }: BalancesFrame,
  low: number,
  top: number,
  yOf: (value: number) => number,
  spanMs: number,
  xOf: (ms: number) => number,
): void {
  ctx.strokeStyle = palette.faint;
  ctx.fillStyle = palette.soft;
  ctx.lineWidth = 1;
  ctx.font = `12px ${palette.mono}`;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  const step = niceStep((top - low) / 4);
  for (let value = Math.ceil(low / step) * step; value <= top; value += step) {
    const y = Math.round(yOf(value)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(PAD.left, y);
    ctx.lineTo(width - PAD.right, y);
    ctx.stroke();
    ctx.fillText(String(value), PAD.left - 6, y);
  }
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  const stepMs = niceTimeStep(spanMs / 3);
  for (let ms = 0; ms <= spanMs; ms += stepMs) ctx.fillText(formatOffset(ms, stepMs), xOf(ms), height - 6);
}

/** Names at the lines' ends; those of one height share a place. */
function drawEnds(
  { ctx, palette, selected, width }: BalancesFrame,
  ends: { id: number; y: number }[],
  x: number,
): void {
  ctx.font = `500 12px ${palette.mono}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ends.sort((a, b) => a.y - b.y || a.id - b.id);
  const groups: { y: number; ids: number[] }[] = [];
  for (const { id, y } of ends) {
    const last = groups.at(-1);
    if (last !== undefined && y - last.y < 11) last.ids.push(id);
    else groups.push({ y, ids: [id] });
  }
  for (const { y, ids } of groups) {
    ctx.fillStyle = selected !== null && ids.includes(selected) ? palette.accent : palette.ink;
    const text = ids.length > 3 ? `${ids.slice(0, 2).join(",")}…` : ids.join(",");
    ctx.fillText(text, Math.min(x + 5, width - PAD.right + 5), y);
  }
}
