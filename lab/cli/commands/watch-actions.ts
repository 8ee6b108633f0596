/** What `lab watch` does: one screen in a terminal, lines elsewhere. */
import { REAL_CLOCK, sleep } from "../../base/lab-clock.ts";
import { parseCount } from "../../base/numbers.ts";
import { describeAgreed } from "../../cluster/judge-agreement.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import type { Feed } from "../../dash/feed.ts";
import { openLiveFeed } from "../../dash/live-source.ts";
import type { Snapshot } from "../../dash/protocol.ts";
import type { Entry } from "../../journal/entry.ts";
import { formatTime, isNotable, plainText } from "../../journal/notable.ts";
import { FullScreen } from "../ui/full-screen.ts";
import { CurveBook } from "../ui/sparkline.ts";
import { LOOKING, pressKey } from "../ui/watch-keys.ts";
import { renderWatch } from "../ui/watch-screen.ts";
import type { CommandContext, RunCaptured } from "./context.ts";

export interface WatchFlags {
  readonly events: string;
}

/** Nobody sees more, and a terminal over a slow line has enough with it. */
const FRAME_MS = 100;
const EVENTS_MAX = 1_000;

export async function runWatch(context: CommandContext, flags: WatchFlags, run: RunCaptured): Promise<void> {
  const past = parseCount(flags.events, "--events", 0, EVENTS_MAX);
  context.finishOnInterrupt();
  await context.withLab(async (lab) => {
    const stop = new AbortController();
    const signal = AbortSignal.any([context.signal, stop.signal]);
    const { feed, ended } = openLiveFeed(lab, signal, past);
    try {
      const { printer } = context;
      const isScreen = printer.redraws && process.stdin.isTTY === true;
      if (isScreen) await drawScreen({ context, lab, feed, signal, run, quit: () => stop.abort() });
      else await printLines(context, feed, signal);
    } finally {
      stop.abort();
      if ((await ended) === "lab-gone") context.printer.say(`lab "${lab.name}" was removed`);
    }
  });
}

interface ScreenParts {
  readonly context: CommandContext;
  readonly lab: LabHandle;
  readonly feed: Feed;
  readonly signal: AbortSignal;
  readonly run: RunCaptured;
  readonly quit: () => void;
}

/** Returns when a key, the signal or the lab's end ends it. */
async function drawScreen(parts: ScreenParts): Promise<void> {
  const { context, lab, feed, signal } = parts;
  const events = new Events(feed);
  const curves = new CurveBook();
  const keys = createKeys(parts, () => screen.draw());
  const aborted = untilAborted(signal);
  const change = () => Promise.race([feed.changed(), aborted]);
  // Nothing is on the screen before there is something to see: a lab that can't be asked fails as other commands do.
  while (feed.snapshot === null && !feed.isEnded && !signal.aborted) await change();
  const { name, runtime, profile } = { ...lab.info, name: lab.name };
  using screen = new FullScreen({
    keyboard: process.stdin,
    display: process.stdout,
    render: (size) => {
      const snapshot = feed.snapshot;
      if (snapshot === null) return [];
      const { input } = keys;
      const id = input.chosen ?? snapshot.agreement.coordinator ?? snapshot.nodes[0]?.id ?? 0;
      const known = curves.of(id);
      const about = { lab: name, runtime, profile, snapshot, events: events.latest, trouble: troubleOf(feed), input };
      const view = { ...about, curves: known === undefined ? undefined : { id, curves: known } };
      return renderWatch(view, size, context.printer.color);
    },
    onKey: keys.press,
  });
  let seen = 0;
  while (!signal.aborted && !feed.isEnded) {
    events.take();
    if (feed.snapshot !== null && feed.snapshots !== seen) curves.add(feed.snapshot);
    seen = feed.snapshots;
    screen.draw();
    await Promise.all([change(), sleep(REAL_CLOCK, FRAME_MS, signal).catch(() => {})]);
  }
}

/** The state that keys have led to, and the commands that they run, one at a time. */
function createKeys({ lab, feed, run, quit }: ScreenParts, redraw: () => void) {
  let input = LOOKING;
  let isBusy = false;
  const perform = async (command: readonly string[]): Promise<void> => {
    isBusy = true;
    const line = [...command, "--name", lab.name, "--runtime", lab.info.runtime];
    input = { ...input, said: `${command.join(" ")} …` };
    redraw();
    const { stdout, stderr } = await run(line);
    const [first = ""] = `${stdout}${stderr}`.trim().split("\n");
    input = { ...input, said: first };
    isBusy = false;
    redraw();
  };
  return {
    get input() {
      return input;
    },
    press(key: string): void {
      const pressed = pressKey(input, key, feed.snapshot?.nodes ?? []);
      input = pressed.input;
      if (pressed.isOver) quit();
      else if (pressed.command !== null && isBusy) input = { ...input, said: "the last command is still at work" };
      else if (pressed.command !== null) void perform(pressed.command);
      redraw();
    },
  };
}

/** A line an event; between them one for the cluster whenever it looks otherwise. With -o json: a snapshot a line. */
async function printLines(context: CommandContext, feed: Feed, signal: AbortSignal): Promise<void> {
  const { printer } = context;
  const events = new Events(feed);
  const aborted = untilAborted(signal);
  let seen = 0;
  let last = "";
  while (!signal.aborted) {
    const fresh = events.take();
    if (!printer.json) for (const entry of fresh) printer.item(null, describeEvent(entry));
    const snapshot = feed.snapshots === seen ? null : feed.snapshot;
    seen = feed.snapshots;
    if (snapshot !== null) {
      const text = summarise(snapshot);
      if (printer.json) printer.item(snapshot, "");
      else if (text !== last) printer.item(null, text);
      last = text;
    }
    if (feed.isEnded) return;
    await Promise.race([feed.changed(), aborted]);
  }
}

/** The notable ones of what the feed has. */
class Events {
  latest: readonly Entry[] = [];
  readonly #feed: Feed;
  #next = 0;

  constructor(feed: Feed) {
    this.#feed = feed;
  }

  /** Those that are new. */
  take(): readonly Entry[] {
    const from = Math.max(this.#next, this.#feed.base);
    const fresh = this.#feed.read(from, Number.POSITIVE_INFINITY).filter(isNotable);
    this.#next = this.#feed.end;
    if (fresh.length > 0) this.latest = [...this.latest, ...fresh].slice(-EVENTS_MAX);
    return fresh;
  }
}

/** Why what is seen may be old: what the feed said last of the engine. */
function troubleOf(feed: Feed): string {
  const last = feed
    .sayingsFrom(0)
    .findLast(
      (saying) => saying.type === "notice" && (saying.code === "engine-silent" || saying.code === "engine-back"),
    );
  return last?.type === "notice" && last.code === "engine-silent" ? last.text : "";
}

function describeEvent({ time, node, msg }: Entry): string {
  return `${formatTime(time)} ${node === 0 ? "lab" : node} ${plainText(msg)}`;
}

/** The facts whose change is worth a line: leader, running nodes, faults, equal sums. */
function summarise({ nodes, agreement, faults }: Snapshot): string {
  const { agreed, term, reason } = agreement;
  const claim = agreed ? `${describeAgreed(agreement)} (term ${term})` : `no agreement: ${plainText(reason)}`;
  const away = nodes.filter(({ says }) => says === null).map(({ id, status }) => `${id} ${status}`);
  const sums = new Set(nodes.flatMap(({ says }) => (says === null ? [] : [says.sum])));
  const parts = [
    claim,
    ...(away.length === 0 ? [] : [away.join(", ")]),
    sums.size === 1
      ? `sum ${[...sums][0]}`
      : sums.size === 0
        ? "nobody answers"
        : `sums differ: ${[...sums].join(", ")}`,
    ...faults.map(({ id, cause }) => `${id} ${plainText(cause)}`),
  ];
  return `== ${parts.join("; ")}`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
