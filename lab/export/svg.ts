/**
 * `lab export svg`: the space-time diagram as one file that opens anywhere. What the layout (space-time-layout.ts) says in numbers is
 * said here in SVG; hovering over anything shows its message, clock and times.
 *
 * By hand: the diagram is a few kinds of shapes as text; libraries that draw want a document object, or a browser.
 */
import type { Journal } from "../journal/journal.ts";
import type { MessageKind } from "../journal/message-kinds.ts";
import { readChronicle } from "./diagram/chronicle.ts";
import { KIND_STYLES } from "./diagram/colours.ts";
import { describeArrow, describeHold, describeMark, formatSpan } from "./diagram/diagram-words.ts";
import {
  type Arrow,
  GUTTER_PX,
  type LayoutOptions,
  layOutSpaceTime,
  type Mark,
  type SpaceTimeLayout,
} from "./diagram/plan-diagram.ts";
import { STYLE_SHEET } from "./svg-style.ts";

export interface SvgOptions extends LayoutOptions {
  readonly title?: string;
  /** Light whatever the reader's screen prefers: for slides and prints. */
  readonly isLight?: boolean;
}

export function exportSvg(journal: Journal, options: SvgOptions = {}): string {
  const history = readChronicle(journal);
  const { lab, runtime, profile, seed } = journal.facts;
  const where = runtime === "sim" ? `virtual time${seed === null ? "" : `, seed ${seed}`}` : runtime;
  const title = options.title ?? `${lab}: ${history.nodes.length} nodes, ${where}, profile ${profile}`;
  return renderSvg(layOutSpaceTime(history, options), title, options.isLight === true);
}

export function renderSvg(layout: SpaceTimeLayout, title: string, isLight = false): string {
  const { width, height } = layout;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${round(height)}" width="${width}" height="${round(height)}" role="img"${isLight ? ' class="light"' : ""}>`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${STYLE_SHEET}</style>`,
    drawDefinitions(),
    `<rect class="paper" width="100%" height="100%"/>`,
    drawHead(layout, title),
    group("bands", drawBands(layout)),
    group("quiets", drawQuiets(layout)),
    group("lives", drawLives(layout)),
    group(
      "arrows",
      layout.arrows.map((arrow) => drawArrow(arrow, layout.originMs)),
    ),
    group(
      "labels",
      layout.labels.map(
        ({ x, y, text, kind }) =>
          `<text class="label f-${kind}" x="${round(x)}" y="${round(y)}">${escapeXml(text)}</text>`,
      ),
    ),
    group(
      "marks",
      layout.marks.map((mark) => drawMark(mark, layout.originMs)),
    ),
    group("faults", drawFaultWords(layout)),
    "</svg>",
    "",
  ].join("\n");
}

function drawDefinitions(): string {
  const heads = (Object.keys(KIND_STYLES) as MessageKind[]).map(
    (kind) =>
      `<marker id="head-${kind}" viewBox="0 0 8 8" refX="7.4" refY="4" markerWidth="6.5" markerHeight="6.5" orient="auto"><path class="f-${kind}" d="M0 .8 8 4 0 7.2 1.8 4z"/></marker>`,
  );
  const hatch = `<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="paper" width="5" height="5"/><path class="s-repair" d="M0 0V5" stroke-width="2.4"/></pattern>`;
  return `<defs>${heads.join("")}${hatch}</defs>`;
}

/** Title, legend, names of the columns. */
function drawHead({ width, columns, arrows, holds, originMs, fromMs, toMs }: SpaceTimeLayout, title: string): string {
  const shown = (Object.keys(KIND_STYLES) as MessageKind[]).filter((kind) =>
    arrows.some((arrow) => arrow.kind === kind),
  );
  let x = 16;
  const items = shown.map((kind) => {
    const { words } = KIND_STYLES[kind];
    const item = `<path class="arrow k-${kind}" d="M${x} 47h24" marker-end="url(#head-${kind})"/><text class="soft" x="${x + 30}" y="50.5">${words}</text>`;
    x += 46 + words.length * 5.6;
    return item;
  });
  const sample = (draw: (x: number) => string, words: string): void => {
    items.push(`${draw(x)}<text class="soft" x="${x + 30}" y="50.5">${words}</text>`);
    x += 46 + words.length * 5.6;
  };
  if (arrows.some(({ fate }) => fate === "lost"))
    sample((at) => `<path class="arrow lost s-soft" d="M${at} 47h16"/>${cross(at + 19, 47)}`, "lost");
  if (arrows.some(({ isDouble }) => isDouble))
    sample((at) => `<path class="arrow s-soft" d="M${at} 45.5h24M${at} 49h24"/>`, "came twice");
  if (holds.length > 0) sample((at) => `<rect class="hold" x="${at + 8}" y="42" width="8" height="11"/>`, "held back");
  return [
    `<text class="title" x="16" y="25">${escapeXml(title)}</text>`,
    `<text class="soft" x="${width - 16}" y="25" text-anchor="end">${formatSpan(fromMs - originMs)} to ${formatSpan(toMs - originMs)}; quiet spans are shortened; hover for more</text>`,
    `<g class="legend">${items.join("")}</g>`,
    ...columns.map(({ node, x: at }) => `<text class="node" x="${round(at)}" y="84">node ${node}</text>`),
    `<text class="soft" x="${GUTTER_PX - 34}" y="84" text-anchor="end">time</text>`,
  ].join("\n");
}

function drawBands({ bands, columnPx, columns, originMs }: SpaceTimeLayout): readonly string[] {
  const [first, last] = [columns[0]?.x ?? 0, columns.at(-1)?.x ?? 0];
  return bands.flatMap(({ fault, y0, y1, cuts, columns: touched }) => {
    const title = `<title>${escapeXml(`${fault.label}\n${formatSpan(fault.fromMs - originMs)} to ${fault.isOpen ? "the end" : formatSpan(fault.toMs - originMs)}`)}</title>`;
    const colour = colourOf(fault.kind);
    const half = columnPx / 2 - 3;
    const edge = `d="M${round(first - half)} ${round(y0)}H${round(last + half)}${fault.isOpen ? "" : `M${round(first - half)} ${round(y1)}H${round(last + half)}`}"`;
    const boxes =
      fault.kind === "partition"
        ? [
            `<rect class="band f-${colour}" x="${round(first - half)}" y="${round(y0)}" width="${round(last - first + 2 * half)}" height="${round(y1 - y0)}">${title}</rect>`,
          ]
        : touched.map(
            (x) =>
              `<rect class="band f-${colour}" x="${round(x - half)}" y="${round(y0)}" width="${round(2 * half)}" height="${round(y1 - y0)}">${title}</rect>`,
          );
    const walls = cuts.map((x) => `<path class="wall s-${colour}" d="M${round(x)} ${round(y0)}V${round(y1)}"/>`);
    return fault.kind === "pause" ? boxes : [...boxes, `<path class="edge s-${colour}" ${edge}/>`, ...walls];
  });
}

/** Where a fault begins and ends, beside the time. */
function drawFaultWords({ bands, width }: SpaceTimeLayout): readonly string[] {
  const free: number[] = [];
  return bands
    .flatMap((band) => [
      { y: band.y0, text: band.fault.label, kind: band.fault.kind },
      ...(band.fault.isOpen || band.fault.kind === "pause"
        ? []
        : [{ y: band.y1, text: "healed", kind: band.fault.kind }]),
    ])
    .sort((a, b) => a.y - b.y)
    .map(({ y: wanted, text, kind }) => {
      const y = Math.max(wanted + 3.5, (free.at(-1) ?? 0) + 12);
      free.push(y);
      return `<text class="fault f-${colourOf(kind)}" x="${width - 144}" y="${round(y)}">${wrapWords(text, width - 144, y, free)}</text>`;
    });
}

const WORDS_MAX = 24;

/** Long sentences in two or three lines. */
function wrapWords(text: string, x: number, y: number, free: number[]): string {
  const lines = text.match(new RegExp(`.{1,${WORDS_MAX}}(?= |$)|\\S+`, "g"))?.map((line) => line.trim()) ?? [text];
  const shown = lines.slice(0, 3);
  free[free.length - 1] = y + (shown.length - 1) * 12;
  return shown
    .map(
      (line, i) =>
        `<tspan x="${x}" y="${round(y + i * 12)}">${escapeXml(line)}${i === 2 && lines.length > 3 ? "…" : ""}</tspan>`,
    )
    .join("");
}

function colourOf(kind: SpaceTimeLayout["bands"][number]["fault"]["kind"]): string {
  return kind === "unplug" ? "partition" : kind;
}

/** The axis, and where it leaves time out. */
function drawQuiets({
  quiets,
  ticks,
  columns,
  columnPx,
  top,
  bottom,
  originMs,
  toMs,
}: SpaceTimeLayout): readonly string[] {
  const [first, last] = [(columns[0]?.x ?? 0) - columnPx / 2, (columns.at(-1)?.x ?? 0) + columnPx / 2];
  const breaks = quiets.map(({ y0, y1, fromMs, toMs: untilMs, heartbeats, probes }) => {
    const y = (y0 + y1) / 2;
    const zigzag = `M${GUTTER_PX - 30} ${round(y0)}V${round(y - 6)}l5 3-10 4 10 4-5 3V${round(y1)}`;
    const count = (number: number, word: string): string =>
      number === 0 ? "" : `${number} ${word}${number === 1 ? "" : "s"}`;
    const parts = [`${formatSpan(untilMs - fromMs)} of quiet`, count(heartbeats, "heartbeat"), count(probes, "probe")];
    const words = parts.filter((part) => part !== "").join(" · ");
    return `<path class="break" d="${zigzag}"/><text class="quiet" x="${round(first + 4)}" y="${round(y + 3.5)}">${words}</text>`;
  });
  const axis = ticks.map(
    ({ y, atMs }) =>
      `<path class="rule" d="M${GUTTER_PX - 34} ${round(y)}H${round(last)}"/><text class="tick" x="${GUTTER_PX - 40}" y="${round(y + 3.5)}">${formatSpan(atMs - originMs)}</text>`,
  );
  // Whole where time runs, broken where it is left out.
  const runs = [top, ...quiets.map(({ y1 }) => y1)].map(
    (y, i) => `<path class="break" d="M${GUTTER_PX - 30} ${round(y)}V${round(quiets[i]?.y0 ?? bottom)}"/>`,
  );
  return [
    ...axis,
    ...runs,
    ...breaks,
    ...(bottom - (ticks.at(-1)?.y ?? 0) < 14
      ? []
      : [`<text class="tick" x="${GUTTER_PX - 40}" y="${round(bottom + 3.5)}">${formatSpan(toMs - originMs)}</text>`]),
  ];
}

function drawLives({ lifelines, reigns, holds, originMs }: SpaceTimeLayout): readonly string[] {
  const lines = lifelines.map(({ x, y0, y1, state }) => {
    const style = state === "alive" ? "life" : state;
    return `<path class="${style}" d="M${round(x)} ${round(y0)}V${round(y1)}"/>`;
  });
  const crowns = reigns.map(({ reign, x, y0, y1 }) => {
    const title = `<title>${escapeXml(`node ${reign.node}: ${reign.role}, term ${reign.term}${reign.role === "COORDINATOR" && !reign.elected ? ", provisional" : ""}\n${formatSpan(reign.fromMs - originMs)} to ${formatSpan(reign.toMs - originMs)}`)}</title>`;
    if (reign.role === "CANDIDATE")
      return `<path class="candidate" d="M${round(x)} ${round(y0)}V${round(y1)}">${title}</path>`;
    const kind = reign.elected ? "reign" : "reign provisional";
    return `<rect class="${kind}" x="${round(x - 3)}" y="${round(y0)}" width="6" height="${round(Math.max(1, y1 - y0))}">${title}</rect>`;
  });
  const waits = holds.map(
    ({ hold, x, y0, y1 }) =>
      `<rect class="hold" x="${round(x - 4.5)}" y="${round(y0)}" width="9" height="${round(Math.max(4, y1 - y0))}"><title>${escapeXml(describeHold(hold))}</title></rect>`,
  );
  return [...lines, ...crowns, ...waits];
}

function drawArrow(arrow: Arrow, originMs: number): string {
  const { x0, y0, x1, y1, kind, fate, isDouble } = arrow;
  const title = `<title>${escapeXml(describeArrow(arrow, originMs))}</title>`;
  const path = `M${round(x0)} ${round(y0)}L${round(x1)} ${round(y1)}`;
  if (fate === "lost") return `<g><path class="arrow lost k-${kind}" d="${path}">${title}</path>${cross(x1, y1)}</g>`;
  const second = isDouble
    ? `<path class="arrow k-${kind}" d="M${round(x0)} ${round(y0 + 3.2)}L${round(x1)} ${round(y1 + 3.2)}"/>`
    : "";
  return `<g>${second}<path class="arrow k-${kind}" d="${path}" marker-end="url(#head-${kind})">${title}</path></g>`;
}

function cross(x: number, y: number): string {
  return `<path class="cross" d="M${round(x - 3.5)} ${round(y - 3.5)}l7 7m0-7l-7 7"/>`;
}

const MARK_STYLES: Readonly<Record<Mark["moment"]["kind"], string>> = {
  start: "good",
  killed: "bad",
  left: "soft",
  ready: "good",
  election: "vote",
  crown: "lead",
  provisional: "lead",
  follows: "soft",
  suspected: "bad",
  failed: "bad",
  back: "good",
  paid: "f-trade",
  credited: "f-trade",
  delivered: "f-trade",
  trouble: "bad",
};

function drawMark({ moment, x, y }: Mark, originMs: number): string {
  const title = `<title>${escapeXml(describeMark(moment, originMs))}</title>`;
  const style = MARK_STYLES[moment.kind];
  const text =
    moment.text === ""
      ? ""
      : `<text class="mark ${style}" x="${round(x + 10)}" y="${round(y + 3.5)}">${escapeXml(moment.text)}</text>`;
  return `<g>${drawSign(moment.kind, x, y)}${text}${title}</g>`;
}

function drawSign(kind: Mark["moment"]["kind"], x: number, y: number): string {
  if (kind === "killed")
    return `<path class="cross" style="stroke-width:3" d="M${round(x - 6)} ${round(y - 6)}l12 12m0-12l-12 12"/>`;
  if (kind === "crown" || kind === "provisional") {
    const fill = kind === "crown" ? "f-accent" : "f-panel";
    return `<path class="${fill} s-accent" d="M${round(x - 7)} ${round(y - 6)}l3.5 4 3.5-6 3.5 6 3.5-4-1.5 10h-11z"/>`;
  }
  const style = MARK_STYLES[kind];
  const size = kind === "delivered" ? 2.4 : 3.2;
  return `<circle class="${style}" cx="${round(x)}" cy="${round(y)}" r="${size}"/>`;
}

function group(name: string, parts: readonly string[]): string {
  return `<g class="${name}">\n${parts.join("\n")}\n</g>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Whatever a node wrote: also characters that no XML may hold. */
function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\P{Cc}\t\n\r]|\ufffe|\uffff/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
