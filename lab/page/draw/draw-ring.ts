/**
 * The ring: nodes, what they know of each other's silence, cuts between them, and messages on their way.
 *
 * Around each node runs a circle of small arcs, one for each other node that watches it: an arc fills as that one hears nothing, is
 * hatched when it suspects, and solid when it has given the node up. So one look tells who is doubted, and by whom.
 */
import type { ClusterState, MemberState, NodeState, ProcessState } from "../model/cluster-state.ts";
import { isUp } from "../model/cluster-state.ts";
import { CAPTION_RADIUS, HALO_PX, type RingLayout } from "../model/ring-layout.ts";
import { hatch, traceCross, traceCrown, traceDot } from "./glyphs.ts";
import type { Palette } from "./palette.ts";
import { LabelRoom } from "./place-label.ts";

export interface RingFrame {
  readonly ctx: CanvasRenderingContext2D;
  readonly palette: Palette;
  readonly state: ClusterState;
  readonly atMs: number;
  readonly layout: RingLayout;
  readonly size: { readonly width: number; readonly height: number };
  /** Where the nodes are drawn now: they glide to their places. */
  readonly spots: ReadonlyMap<number, { readonly x: number; readonly y: number }>;
  readonly cutPairs: ReadonlySet<string>;
  /** Silence that fills an arc. */
  readonly silenceFullMs: number;
  /** Milliseconds that `watcher` hasn't heard `node`; null: unknown. */
  readonly silenceOf: (watcher: NodeState, node: number) => number | null;
  readonly selected: number | null;
  /** A cut that is being prepared. */
  readonly apart: ReadonlySet<number>;
  /** The line between two nodes that delay and loss are for; null: none is chosen. */
  readonly link: readonly [number, number] | null;
}

const CUT_PAIRS_MAX = 60;
const LINE_PX = 15;
/** More than these are shown as shares. */
const WATCHERS_MAX = 12;
/** Among more nodes a caption says only what isn't as it is everywhere. */
const CAPTIONS_MAX = 8;

export function drawRing(frame: RingFrame): void {
  drawGuide(frame);
  drawLink(frame);
  drawCuts(frame);
}

/** Above the messages. */
export function drawNodes(frame: RingFrame): void {
  const { state, spots, layout } = frame;
  const standing = [...state.nodes.values()].flatMap((node) => {
    const spot = spots.get(node.id);
    return spot === undefined ? [] : [{ node, x: spot.x, y: spot.y }];
  });
  for (const { node, x, y } of standing) drawNode(frame, node, x, y);
  const radius = layout.nodeRadius;
  if (radius <= CAPTION_RADIUS) return;
  const room = new LabelRoom(
    frame.size,
    standing.flatMap(({ node, x, y }) => {
      const disc = { x, y, radius: radius + HALO_PX };
      return isCrowned(node) ? [disc, { x, y: y - radius - 20, radius: 14 }] : [disc];
    }),
  );
  for (const { node, x, y } of standing) drawCaption(frame, room, node, x, y);
  drawImpairments(frame, room);
}

function isCrowned(node: NodeState): boolean {
  return node.role === "COORDINATOR" && isUp(node);
}

function drawGuide({ ctx, palette, layout }: RingFrame): void {
  ctx.strokeStyle = palette.faint;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.arc(layout.centre.x, layout.centre.y, layout.ringRadius, 0, Math.PI * 2);
  ctx.stroke();
}

function drawLink({ ctx, palette, spots, link }: RingFrame): void {
  const [from, to] = link?.map((id) => spots.get(id)) ?? [];
  if (from === undefined || to === undefined) return;
  ctx.strokeStyle = palette.accent;
  ctx.lineWidth = 2.5;
  ctx.beginPath();
  ctx.moveTo(from.x, from.y);
  ctx.lineTo(to.x, to.y);
  ctx.stroke();
}

function drawCuts({ ctx, palette, layout, cutPairs, spots, apart }: RingFrame): void {
  const { centre, ringRadius, nodeRadius } = layout;
  ctx.strokeStyle = palette.bad;
  ctx.fillStyle = palette.bad;
  ctx.lineCap = "round";
  // Rays between groups that can't talk to each other; paler, where the cut isn't made yet.
  if (apart.size > 0) ctx.strokeStyle = ctx.fillStyle = palette.soft;
  for (const angle of layout.cuts) {
    const reach = ringRadius + nodeRadius + 16;
    ctx.lineWidth = 3;
    ctx.setLineDash([10, 7]);
    ctx.beginPath();
    ctx.moveTo(centre.x, centre.y);
    ctx.lineTo(centre.x + reach * Math.cos(angle), centre.y + reach * Math.sin(angle));
    ctx.stroke();
  }
  ctx.setLineDash([]);
  if (layout.cuts.length > 0) {
    ctx.beginPath();
    traceDot(ctx, centre.x, centre.y, 4);
    ctx.fill();
  }
  ctx.strokeStyle = palette.bad;
  // Single links that are cut between nodes which still reach each other some other way.
  const groupOf = new Map(layout.groups.flatMap((group, n) => group.map((id) => [id, n] as const)));
  let shown = 0;
  for (const pair of cutPairs) {
    const [from = 0, to = 0] = pair.split(">").map(Number);
    const isBoth = cutPairs.has(`${to}>${from}`);
    if (groupOf.get(from) !== groupOf.get(to) || (isBoth && from > to) || shown++ > CUT_PAIRS_MAX) continue;
    const [a, b] = [spots.get(from), spots.get(to)];
    if (a === undefined || b === undefined) continue;
    const angle = Math.atan2(b.y - a.y, b.x - a.x);
    // One way: the bar stands before the node that hears nothing.
    const at = isBoth ? 0.5 : 0.68;
    const [x, y] = [a.x + (b.x - a.x) * at, a.y + (b.y - a.y) * at];
    ctx.lineWidth = 1.2;
    ctx.setLineDash([3, 4]);
    ctx.beginPath();
    ctx.moveTo(a.x, a.y);
    ctx.lineTo(isBoth ? b.x : x, isBoth ? b.y : y);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.lineWidth = 3;
    ctx.beginPath();
    ctx.moveTo(x - 8 * Math.sin(angle), y + 8 * Math.cos(angle));
    ctx.lineTo(x + 8 * Math.sin(angle), y - 8 * Math.cos(angle));
    ctx.stroke();
  }
  ctx.lineCap = "butt";
}

function drawNode(frame: RingFrame, node: NodeState, x: number, y: number): void {
  const { ctx, palette, layout, selected } = frame;
  const radius = layout.nodeRadius;
  const { process } = node;
  const isDark = process === "killed" || process === "stopped" || process === "left";
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, Math.PI * 2);
  ctx.fillStyle = isDark ? palette.paper : palette.panel;
  ctx.fill();
  if (process === "paused") {
    ctx.save();
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, Math.PI * 2);
    ctx.clip();
    ctx.strokeStyle = palette.line;
    ctx.lineWidth = 2;
    hatch(ctx, x - radius, y - radius, radius * 2, radius * 2, 7);
    ctx.restore();
  }
  const isLeader = node.role === "COORDINATOR" && !isDark;
  ctx.lineWidth = isLeader ? 3 : 1.5;
  ctx.strokeStyle = isDark ? palette.line : isLeader ? palette.accent : palette.soft;
  if (isDark) ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, Math.PI * 2);
  ctx.stroke();
  ctx.setLineDash([]);
  if (selected === node.id) {
    ctx.strokeStyle = palette.accent;
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.arc(x, y, radius + 12, 0, Math.PI * 2);
    ctx.stroke();
  }
  if (process !== "left") drawSilence(frame, node, x, y, radius + 6);
  drawInside(frame, node, process, x, y, radius);
  if (isLeader) {
    ctx.beginPath();
    traceCrown(ctx, x, y - radius - (radius > 14 ? 13 : 9), Math.max(14, radius * 0.95));
    ctx.lineJoin = "round";
    ctx.lineWidth = 1.8;
    ctx.strokeStyle = palette.accent;
    ctx.fillStyle = node.elected ? palette.accent : palette.panel;
    // Without a quorum the crown is hollow: it is provisional.
    ctx.fill();
    ctx.stroke();
  }
}

/** The nodes that watch this node, and how long each has heard nothing from it. */
function drawSilence(frame: RingFrame, node: NodeState, x: number, y: number, radius: number): void {
  const { ctx, palette, state, layout } = frame;
  const watchers = [...state.nodes.values()].filter((other) => other.id !== node.id && isUp(other));
  if (watchers.length === 0) return;
  if (watchers.length > WATCHERS_MAX) {
    drawSums(frame, node, watchers, x, y, radius);
    return;
  }
  const share = (Math.PI * 2) / watchers.length;
  const pad = Math.min(0.09, share * 0.18);
  const width = layout.nodeRadius > 20 ? 5 : 3;
  watchers.sort((a, b) => a.id - b.id);
  watchers.forEach((watcher, n) => {
    const from = -Math.PI / 2 + n * share + pad;
    const length = share - 2 * pad;
    const standing: MemberState = watcher.members.get(node.id)?.state ?? "UNKNOWN";
    ctx.lineWidth = width;
    ctx.strokeStyle = palette.faint;
    arc(ctx, x, y, radius, from, length);
    // A frozen node watches nobody.
    if (standing === "LEFT" || standing === "UNKNOWN" || watcher.process === "paused") return;
    if (standing === "FAILED") {
      ctx.strokeStyle = palette.bad;
      arc(ctx, x, y, radius, from, length);
      return;
    }
    const silence = frame.silenceOf(watcher, node.id);
    const fill = silence === null ? 0 : Math.min(1, silence / frame.silenceFullMs);
    if (standing === "SUSPECTED") {
      // Broken strokes: a doubt, whatever the colour looks like.
      ctx.strokeStyle = palette.warn;
      ctx.setLineDash([3, 2]);
      arc(ctx, x, y, radius, from, length);
      ctx.setLineDash([]);
      return;
    }
    if (fill < 0.04) return;
    ctx.strokeStyle = fill > 0.6 ? palette.warn : palette.soft;
    arc(ctx, x, y, radius, from, length * fill);
  });
}

/** Many watchers as shares of one circle: given up, then suspected, then as much as the median of the others' silence fills. */
function drawSums(
  frame: RingFrame,
  node: NodeState,
  watchers: readonly NodeState[],
  x: number,
  y: number,
  radius: number,
): void {
  const { ctx, palette } = frame;
  const silences: number[] = [];
  let failed = 0;
  let suspected = 0;
  for (const watcher of watchers) {
    const standing = watcher.members.get(node.id)?.state;
    if (standing === "FAILED") failed += 1;
    else if (standing === "SUSPECTED") suspected += 1;
    else silences.push(frame.silenceOf(watcher, node.id) ?? 0);
  }
  const shares = [failed, suspected].map((count) => (count / watchers.length) * Math.PI * 2);
  const [gone = 0, doubted = 0] = shares;
  silences.sort((a, b) => a - b);
  const fill = Math.min(1, (silences[silences.length >> 1] ?? 0) / frame.silenceFullMs);
  const top = -Math.PI / 2;
  ctx.lineWidth = 3;
  ctx.strokeStyle = palette.faint;
  arc(ctx, x, y, radius, 0, Math.PI * 2);
  ctx.strokeStyle = palette.soft;
  if (fill > 0.04) arc(ctx, x, y, radius, top + gone + doubted, (Math.PI * 2 - gone - doubted) * fill);
  ctx.strokeStyle = palette.bad;
  if (gone > 0) arc(ctx, x, y, radius, top, gone);
  if (doubted === 0) return;
  ctx.strokeStyle = palette.warn;
  ctx.setLineDash([3, 2]);
  arc(ctx, x, y, radius, top + gone, doubted);
  ctx.setLineDash([]);
}

function drawInside(
  { ctx, palette }: RingFrame,
  node: NodeState,
  process: ProcessState,
  x: number,
  y: number,
  radius: number,
): void {
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  const isDark = process === "killed" || process === "stopped" || process === "left";
  ctx.fillStyle = isDark ? palette.soft : palette.ink;
  // A balance that nobody can read is left to the panel.
  const isSmall = radius <= 20;
  ctx.font = `650 ${isSmall ? Math.max(9, radius * 0.95) : Math.round(radius * 0.62)}px ${palette.font}`;
  ctx.fillText(String(node.id), x, isSmall ? y : y - radius * 0.24);
  if (isDark) {
    ctx.strokeStyle = palette.bad;
    ctx.lineWidth = isSmall ? 1.5 : 2;
    ctx.beginPath();
    if (process === "left") {
      ctx.moveTo(x - radius * 0.35, y + radius * 0.42);
      ctx.lineTo(x + radius * 0.35, y + radius * 0.42);
    } else if (isSmall) traceCross(ctx, x, y, radius * 0.85);
    else traceCross(ctx, x, y + radius * 0.42, radius * 0.2);
    ctx.stroke();
    return;
  }
  if (isSmall) return;
  if (process === "paused") {
    ctx.fillStyle = palette.warn;
    ctx.fillRect(x - radius * 0.22, y + radius * 0.2, radius * 0.15, radius * 0.44);
    ctx.fillRect(x + radius * 0.07, y + radius * 0.2, radius * 0.15, radius * 0.44);
    return;
  }
  ctx.font = `500 ${Math.round(radius * 0.44)}px ${palette.mono}`;
  ctx.fillStyle = palette.ink;
  ctx.fillText(node.balance === null ? "–" : String(node.balance), x, y + radius * 0.42);
}

/** Outside of the ring: whom it follows in which term, or what keeps it from taking part. */
function drawCaption(frame: RingFrame, room: LabelRoom, node: NodeState, x: number, y: number): void {
  const { ctx, palette, layout, state } = frame;
  const words = hindranceOf(node);
  const held = node.held.size > 0 ? `${node.held.size} held back` : "";
  const leads = node.role === "COORDINATOR" ? (node.elected ? "leads" : "leads, no quorum") : "";
  const follows =
    node.role === "CANDIDATE" ? "stands" : node.coordinator === null ? "no leader" : `follows ${node.coordinator}`;
  const first = words !== "" ? words : leads !== "" ? leads : follows;
  const second = isUp(node) && words === "" ? `term ${node.term}` : "";
  ctx.font = `500 12px ${palette.font}`;
  const disagrees = isUp(node) && words === "" && !agreesWith(state, node);
  const isUsual = words === "" && leads === "" && !disagrees && state.nodes.size > CAPTIONS_MAX;
  const lines = [isUsual ? "" : first, isUsual ? "" : second, held].filter((line) => line !== "");
  if (lines.length === 0) return;
  const width = Math.max(...lines.map((line) => ctx.measureText(line).width));
  const height = lines.length * LINE_PX;
  const clear = layout.nodeRadius + 13;
  const above = { x, y: y - clear - (isCrowned(node) ? layout.nodeRadius * 0.62 + 8 : 0) - height / 2 };
  const below = { x, y: y + clear + height / 2 };
  const [right, left] = [1, -1].map((side) => ({ x: x + side * (clear + width / 2), y }));
  const sides = x > layout.centre.x ? [right, left] : [left, right];
  // Away from the middle, where the messages are; among neighbours on all sides there is room only there.
  const ends = y < layout.centre.y - 10 ? [above, below] : [below, above];
  const inwards = Math.atan2(layout.centre.y - y, layout.centre.x - x);
  const inner = [0, 20, 40].map((more) => ({
    x: x + Math.cos(inwards) * (clear + more + width / 2),
    y: y + Math.sin(inwards) * (clear + more + height / 2),
  }));
  const box = room.place(
    { width, height },
    [...ends, ...sides, ...inner].filter((spot) => spot !== undefined),
  );
  ctx.textBaseline = "middle";
  ctx.textAlign = "center";
  ctx.lineJoin = "round";
  ctx.lineWidth = 4;
  ctx.strokeStyle = palette.paper;
  lines.forEach((line, n) => {
    const at = box.y - height / 2 + (n + 0.5) * LINE_PX;
    ctx.fillStyle = words !== "" || disagrees || line === held ? palette.warn : palette.soft;
    ctx.strokeText(line, box.x, at);
    ctx.fillText(line, box.x, at);
  });
}

/** What keeps a node from taking part; "": nothing. */
function hindranceOf({ process, phase }: NodeState): string {
  if (process === "left") return "has left";
  if (process !== "running") return process;
  return phase === "READY" ? "" : phase.toLowerCase();
}

/** Whom it follows follows itself, in the same term. */
function agreesWith(state: ClusterState, node: NodeState): boolean {
  const leader = node.coordinator === null ? undefined : state.nodes.get(node.coordinator);
  return leader !== undefined && leader.role === "COORDINATOR" && leader.term === node.term;
}

/** Delay and loss at who sends, as a tag on its line. */
function drawImpairments({ ctx, palette, state, spots, layout }: RingFrame, room: LabelRoom): void {
  const tags = new Map<number, string>();
  for (const fault of state.faults) {
    if (fault.impairment === null || fault.impairment.cut) continue;
    const { delayMs, jitterMs, loss, rateBps } = fault.impairment;
    const words = [
      delayMs > 0 ? `+${Math.round(delayMs)}${jitterMs > 0 ? `±${Math.round(jitterMs)}` : ""} ms` : "",
      loss > 0 ? `${Math.round(loss * 100)}% lost` : "",
      rateBps > 0 ? "slow line" : "",
    ].filter((word) => word !== "");
    for (const { from } of fault.pairs) tags.set(from, words.length === 0 ? "impaired" : words.join(" "));
  }
  ctx.font = `500 12px ${palette.mono}`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "center";
  for (const [id, text] of tags) {
    const spot = spots.get(id);
    if (spot === undefined) continue;
    const width = ctx.measureText(text).width + 10;
    const toCentre = Math.atan2(layout.centre.y - spot.y, layout.centre.x - spot.x);
    // Towards the middle, as near to the node as it can be read.
    const centres = [14, 40, 66].flatMap((away) =>
      [0, 0.5, -0.5].map((turn) => ({
        x: spot.x + Math.cos(toCentre + turn) * (layout.nodeRadius + away + width / 2),
        y: spot.y + Math.sin(toCentre + turn) * (layout.nodeRadius + away + 9),
      })),
    );
    const { x, y } = room.place({ width, height: 20 }, centres);
    ctx.fillStyle = palette.panel;
    ctx.strokeStyle = palette.warn;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.roundRect(x - width / 2, y - 9, width, 18, 4);
    ctx.fill();
    ctx.stroke();
    ctx.fillStyle = palette.ink;
    ctx.fillText(text, x, y + 0.5);
  }
}

function arc(ctx: CanvasRenderingContext2D, x: number, y: number, radius: number, from: number, length: number): void {
  ctx.beginPath();
  ctx.arc(x, y, radius, from, from + length);
  ctx.stroke();
}
