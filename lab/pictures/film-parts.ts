/** The parts of the moving picture: what is said, a node, the log lines, the accounts, the time line. */

import { originOf } from "../export/export-options.ts";
import type { Journal } from "../journal/journal.ts";
import { readLabAction } from "../journal/lab-entry.ts";
import { type Keyframes, type Point, round } from "./css-loop.ts";
import type { NodeStory, Since, Story } from "./film-story.ts";
import { SIZE } from "./film-style.ts";
import type { TimeMap } from "./film-time.ts";

/** Spans of each value that a list of changes takes. */
export function spansOf<T>(
  changes: readonly Since<T>[],
  totalMs: number,
): readonly { readonly value: T; readonly span: readonly [number, number] }[] {
  return changes.map(({ atMs, value }, i) => ({ value, span: [atMs, changes[i + 1]?.atMs ?? totalMs] as const }));
}

/** Every value once, with all of its spans. */
function groupSpans<T>(
  changes: readonly Since<T>[],
  totalMs: number,
): ReadonlyMap<string, readonly (readonly [number, number])[]> {
  const groups = new Map<string, (readonly [number, number])[]>();
  for (const { value, span } of spansOf(changes, totalMs)) {
    const key = JSON.stringify(value);
    groups.set(key, [...(groups.get(key) ?? []), span]);
  }
  return groups;
}

/** The command that was given last, and one sentence about what is seen. */
export function drawWords(story: Story, frames: Keyframes, totalMs: number): string {
  const said = (list: readonly Since<string>[], kind: string, y: number, before = ""): string =>
    // The picture begins with the first of them.
    spansOf(list.with(0, { atMs: 0, value: list[0]?.value ?? "" }), totalMs)
      .map(
        ({ value, span }) =>
          `<text class="${kind}" x="32" y="${y}"><tspan ${frames.show([span])}>${before}${escapeXml(value)}</tspan></text>`,
      )
      .join("");
  return `${said(story.commands, "command", 44, "$ lab ")}\n${said(story.words, "words", 74)}`;
}

const CROWN = "M-15 0L-17-14-8-7 0-18 8-7 17-14 15 0Z";

export function drawNode(node: NodeStory, { x, y }: Point, frames: Keyframes, totalMs: number): string {
  const r = SIZE.nodeRadius;
  const visible = (changes: readonly Since<unknown>[], is: (value: never) => boolean): string =>
    frames.show(spansOf(changes, totalMs).flatMap(({ value, span }) => (is(value as never) ? [span] : [])));
  const leads = [...groupSpans(node.leads, totalMs)].filter(([term]) => term !== "null");
  const terms = leads.map(
    ([term, spans]) => `<text class="small bold middle halo" y="${-r - 28}" ${frames.show(spans)}>term ${term}</text>`,
  );
  const balances = [...groupSpans(node.balance, totalMs)].map(
    ([balance, spans]) =>
      `<text class="small middle" y="19" ${frames.show(spans)}>${balance === "null" ? "–" : balance}</text>`,
  );
  const doubts = [...groupSpans(node.doubted, totalMs)].flatMap(([json, spans]) => {
    const { suspected, failed } = JSON.parse(json) as { suspected: number; failed: number };
    if (suspected + failed === 0) return [];
    const text = failed > 0 ? `FAILED for ${failed}` : `SUSPECTED by ${suspected}`;
    return [`<text class="small bold middle bad halo" y="${r + 22}" ${frames.show(spans)}>${text}</text>`];
  });
  const isSuspected = ({ suspected, failed }: { suspected: number; failed: number }) => suspected > 0 && failed === 0;
  const parts = [
    `<circle class="node" r="${r}"/>`,
    `<circle class="leader" r="${r}" ${visible(node.leads, (term) => term !== null)}/>`,
    `<circle class="stands" r="${r + 6}" ${visible(node.stands, (is) => is)}/>`,
    `<g ${visible(node.isDead, (is) => is)}><circle class="dead" r="${r}"/><path class="deadx" d="M-22-22L22 22M-22 22L22-22"/></g>`,
    `<circle class="suspect" r="${r + 6}" ${visible(node.doubted, isSuspected)}/>`,
    `<circle class="failed" r="${r + 6}" ${visible(node.doubted, ({ failed }: { failed: number }) => failed > 0)}/>`,
    `<text class="id middle" y="2">${node.id}</text>`,
    ...balances,
    `<path class="crown" transform="translate(0 ${-r - 4})" d="${CROWN}" ${visible(node.leads, (term) => term !== null)}/>`,
    ...terms,
    ...doubts,
  ];
  return `<g transform="translate(${round(x, 1)} ${round(y, 1)})">${parts.map(mergeClasses).join("")}</g>`;
}

/** One element can have one class attribute only. */
function mergeClasses(element: string): string {
  return element.replace(/^<(\w+)([^>]*?) class="([^"]*)"([^>]*?) class="([^"]*)"/, '<$1$2 class="$3 $5"$4');
}

/** What the nodes write, as it scrolls by. */
export function drawLines(story: Story, frames: Keyframes): string {
  const { x, y, width, lineHeight, lines: room } = SIZE.panel;
  const height = room * lineHeight + 16;
  const offsets = story.lines.map(({ atMs }, i) => ({
    atMs,
    value: `translateY(${-Math.max(0, i + 1 - room) * lineHeight}px)`,
  }));
  const distinct = offsets.filter(({ atMs }, i) => offsets[i + 1]?.atMs !== atMs);
  const texts = story.lines.map(({ atMs, value }, i) => {
    const text = value.length > 58 ? `${value.slice(0, 57)}…` : value;
    const seen = frames.show([[atMs, Number.POSITIVE_INFINITY]]);
    return mergeClasses(
      `<text class="line" x="${x + 12}" y="${y + 21 + i * lineHeight}" ${seen}>${escapeXml(text)}</text>`,
    );
  });
  const scroll = frames.jump("transform", [{ atMs: 0, value: "translateY(0px)" }, ...distinct]);
  return `<rect class="panel" x="${x}" y="${y}" width="${width}" height="${height}" rx="6"/>
<clipPath id="log"><rect x="${x}" y="${y + 4}" width="${width}" height="${height - 8}"/></clipPath>
<g clip-path="url(#log)"><g ${scroll}>${texts.join("")}</g></g>`;
}

/** All accounts end to end: the whole bar is what was ever given out. */
export function drawLedger(story: Story, frames: Keyframes, totalMs: number): string {
  const { x, y, width, height } = SIZE.ledger;
  const final = story.nodes.map(({ balance }) => balance.at(-1)?.value ?? 0);
  const total = final.reduce((sum, value) => sum + value, 0);
  const unit = width / total;
  const instants = [...new Set(story.nodes.flatMap(({ balance }) => balance.map(({ atMs }) => atMs)))].sort(
    (a, b) => a - b,
  );
  const balanceAt = ({ balance }: NodeStory, atMs: number): number =>
    balance.findLast((change) => change.atMs <= atMs)?.value ?? 0;
  const bars = story.nodes.map((node, i) => {
    const before = story.nodes.slice(0, i);
    const place = instants.map((atMs) => {
      const start = before.reduce((sum, other) => sum + balanceAt(other, atMs), 0);
      const share = balanceAt(node, atMs);
      return { atMs, start: start * unit, share: share * unit };
    });
    const box = place.map(({ atMs, start, share }) => ({
      atMs,
      value: `translateX(${round(x + start)}px) scaleX(${round(share / 100, 4)})`,
    }));
    const label = place.map(({ atMs, start, share }) => ({
      atMs,
      value: `translateX(${round(x + start + share / 2)}px)`,
    }));
    const bar = `<rect y="${y}" width="100" height="${height}" fill="var(--a${node.id})" ${frames.jump("transform", box)}/>`;
    const open = frames.show([[place.find(({ share }) => share > 0)?.atMs ?? totalMs, totalMs]]);
    const number = mergeClasses(`<text class="onbar middle" y="${y + 20}" ${open}>${node.id}</text>`);
    return `${bar}<g ${frames.jump("transform", label)}>${number}</g>`;
  });
  const sums = instants.map((atMs) => ({
    atMs,
    value: story.nodes.reduce((sum, node) => sum + balanceAt(node, atMs), 0),
  }));
  const firstFullMs = sums.find(({ value }) => value === total)?.atMs ?? 0;
  const captions = [...groupSpans(sums, totalMs)].map(([sum, spans]) => {
    const inTransit = total - Number(sum);
    const isOpening = (spans[0]?.[0] ?? 0) < firstFullMs;
    const words =
      inTransit === 0
        ? "in all accounts together"
        : isOpening
          ? "in the accounts that there are so far"
          : `in the accounts, and ${inTransit} on the way to their new owner`;
    return `<text class="small soft" x="${x}" y="${y + height + 19}" ${frames.show(spans)}><tspan class="bold">${sum} credits</tspan> ${words}</text>`;
  });
  const frame = `<rect class="transit" x="${x + 0.5}" y="${y + 0.5}" width="${width - 1}" height="${height - 1}"/>`;
  return `${frame}${bars.join("")}${captions.map(mergeClasses).join("")}`;
}

const LEGEND = [
  ["heartbeat", "heartbeat"],
  ["membership", "join"],
  ["election", "election, vote"],
  ["trade", "trade"],
  ["probe", "probe to a dead node"],
  ["repair", "catching up"],
] as const;

/** Run time, evenly; the head slows down where the film does. */
export function drawTimeline(
  journal: Journal,
  time: TimeMap,
  totalMs: number,
  frames: Keyframes,
  source: string,
): string {
  const { x, y, width } = SIZE.timeline;
  const originMs = originOf(journal);
  const runMs = time.knots.at(-1)?.[0] ?? 1;
  const at = (ms: number): number => (ms / runMs) * width;
  const marks = journal.entries.flatMap((entry) => {
    const action = readLabAction(entry);
    const name = action?.action === "order" && action.result === "begin" ? action.op : action?.action;
    const isShown = name === "kill" || name === "start" || name === "sell" || name === "buy";
    const words = isShown
      ? name
      : entry.role === "COORDINATOR" && entry.msg.startsWith("I am")
        ? `${entry.node} leads`
        : null;
    return words === null ? [] : [{ ms: entry.time - originMs, words, isUp: entry.role !== undefined }];
  });
  const drawn = marks.map(({ ms, words, isUp }) => {
    const left = round(x + at(ms), 1);
    const anchor = at(ms) < 30 ? "" : at(ms) > width - 40 ? " end" : " middle";
    return `<circle class="mark" cx="${left}" cy="${y}" r="5"/><text class="small${anchor}" x="${left}" y="${isUp ? y - 12 : y + 21}">${words}</text>`;
  });
  const knots = thinOut([
    ...time.knots.map(([ms, filmMs]) => ({ atMs: filmMs, value: at(ms) })),
    { atMs: totalMs, value: width },
  ]);
  let left: number = SIZE.timeline.x;
  const legend = LEGEND.map(([kind, words]) => {
    const item = `<circle class="${kind}" cx="${round(left + 5, 1)}" cy="${y - 45}" r="5"/><text class="small soft" x="${round(left + 14, 1)}" y="${y - 40.5}">${words}</text>`;
    left += 32 + words.length * 6.8;
    return item;
  });
  return `${legend.join("")}<path class="axis" d="M${x} ${y}h${width}"/>${drawn.join("")}
<g ${frames.glide(knots)}><circle class="head" cx="${x}" cy="${y}" r="7"/></g>
<text class="small soft end" x="${x + width}" y="${y + 21}">${escapeXml(source)}</text>`;
}

/** Without the knots between which nothing moves that could be seen, but with both ends of every stand-still. */
function thinOut(knots: readonly Since<number>[]): readonly Since<number>[] {
  const kept: Since<number>[] = [];
  for (const [i, knot] of knots.entries()) {
    const next = knots[i + 1];
    const last = kept.at(-1);
    const isStill = last !== undefined && Math.abs(knot.value - last.value) < 0.3;
    if (isStill && next !== undefined && Math.abs(next.value - last.value) < 0.3) continue;
    kept.push(knot);
  }
  return kept;
}

export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
