/**
 * Who was allowed to be unreachable, and when all was well: read from the lab's own lines, and from what nodes say of their starts, ends and
 * freezes.
 *
 * Mild trouble is none: the promises hold up to 20 % of loss and 50 ms of jitter, so only what is worse excuses anybody.
 */
import type { Impairment } from "../../node/wire/control.ts";
import type { Entry } from "../journal/entry.ts";
import { readLabAction } from "../journal/lab-entry.ts";
import type { Story } from "./story.ts";

export interface Span {
  readonly fromMs: number;
  /** Infinity: to the end. */
  readonly toMs: number;
}

export interface Troubles {
  /** Spans in which a process of the node doesn't run (`down`), or is stopped (`paused`). */
  readonly down: ReadonlyMap<number, readonly Span[]>;
  readonly paused: ReadonlyMap<number, readonly Span[]>;
  /** Spans in which the machine left a process too little time: short stops, one after the other. */
  readonly starved: ReadonlyMap<number, readonly Span[]>;
  /** Links that are cut or bad, by `from>to`; `*` is everybody. */
  readonly links: ReadonlyMap<string, readonly Span[]>;
  /** When something changed or was wrong, in order and not overlapping: the time between them is calm. */
  readonly disturbed: readonly Span[];
  /** A fault or a pause without a planned end was in force when the journal ended. */
  readonly isOpenEnded: boolean;
}

const LOSS_MILD = 0.2;
const DELAY_MILD_MS = 150;
const JITTER_MILD_MS = 50;
const RATE_MILD_BPS = 500_000;
/** Clocks are read at other moments than things happen. */
const CLOCK_SLACK_MS = 100;
/** Nobody is declared dead in less. */
const FREEZE_MILD_MS = 300;
/** Stops that follow each other within this work like one: between them a process gets through a part of what piled up. */
const STOPS_WITHIN_MS = 3_000;

/** Signals that don't end a process. */
const SURVIVABLE = /^(SIG)?(STOP|CONT|HUP|USR1|USR2|WINCH)$/;

const read = new WeakMap<Story, Troubles>();

export function troublesOf(story: Story): Troubles {
  const known = read.get(story);
  if (known !== undefined) return known;
  const troubles = new Collector(story).collect();
  read.set(story, troubles);
  return troubles;
}

/** Whether both processes were there in that time, and the links between them were good. */
export function wereConnected(troubles: Troubles, a: number, b: number, span: Span): boolean {
  const touches = (spans: readonly Span[] | undefined) => spans?.some((other) => overlap(other, span)) ?? false;
  if ([a, b].some((id) => touches(troubles.down.get(id)))) return false;
  const names = [`${a}>${b}`, `${b}>${a}`, `${a}>*`, `${b}>*`, `*>${a}`, `*>${b}`, "*>*"];
  return !names.some((name) => touches(troubles.links.get(name)));
}

/** Longest times without a disturbance, in order, up to the end of the journal. */
export function calmSpans({ disturbed }: Troubles, { beginMs, endMs }: Story): readonly Span[] {
  const calm: Span[] = [];
  let fromMs = beginMs;
  for (const span of disturbed) {
    if (span.fromMs > fromMs) calm.push({ fromMs, toMs: span.fromMs });
    fromMs = Math.max(fromMs, span.toMs);
  }
  if (fromMs < endMs) calm.push({ fromMs, toMs: endMs });
  return calm;
}

function overlap(a: Span, b: Span): boolean {
  return a.fromMs <= b.toMs && b.fromMs <= a.toMs;
}

export function isSevere({ cut, loss, delayMs, jitterMs, rateBps }: Impairment): boolean {
  const isSlow = rateBps > 0 && rateBps < RATE_MILD_BPS;
  return cut || loss > LOSS_MILD || delayMs > DELAY_MILD_MS || jitterMs > JITTER_MILD_MS || isSlow;
}

class Collector {
  private readonly down = new Map<number, Span[]>();
  private readonly paused = new Map<number, Span[]>();
  private readonly starved = new Map<number, Span[]>();
  /** Stops of the last `STOPS_WITHIN_MS`, by node. */
  private readonly stops = new Map<number, readonly Span[]>();
  private readonly links = new Map<string, Span[]>();
  private readonly disturbances: Span[] = [];
  private isOpenEnded = false;
  /** Open faults: which links, since when. */
  private readonly faults = new Map<string, { names: readonly string[]; fromMs: number }>();
  /** When a process of the node has last told of its own end. */
  private readonly saidEnd = new Map<number, number>();
  private readonly story: Story;

  constructor(story: Story) {
    this.story = story;
  }

  collect(): Troubles {
    for (const entry of this.story.labEntries) this.takeAction(entry);
    for (const [id] of this.faults) this.endFault(id, Number.POSITIVE_INFINITY);
    this.takeLives();
    this.takePauses();
    const { down, paused, starved, links } = this;
    return { down, paused, starved, links, disturbed: merge(this.disturbances), isOpenEnded: this.isOpenEnded };
  }

  private takeAction(entry: Entry): void {
    const action = readLabAction(entry);
    if (action === null) return;
    const { time } = entry;
    switch (action.action) {
      case "order":
      case "step":
      case "check":
      case "keys":
        return;
      case "impair": {
        if (action.untilMs !== null) this.disturb(action.untilMs, action.untilMs);
        this.endFault(action.fault, time);
        if (!isSevere(action.impairment)) return;
        const names = action.pairs.map(({ from, to }) => (from === to ? `${from}>*` : `${from}>${to}`));
        this.beginFault(action.fault, names, time);
        if (action.untilMs !== null) this.endFault(action.fault, action.untilMs);
        return;
      }
      case "unplug":
        for (const id of action.nodes) this.beginFault(`unplug ${id}`, [`${id}>*`, `*>${id}`], time);
        return;
      case "heal":
        for (const id of action.healed) this.endFault(id, time);
        for (const id of action.plugged) this.endFault(`unplug ${id}`, time);
        this.disturb(time, time);
        return;
      case "pause":
        for (const id of action.nodes) this.open(this.paused, id, time, this.endOfPause(id, time, action.untilMs));
        return;
      case "resume":
        for (const id of action.nodes) this.close(this.paused, id, time);
        this.disturb(time, time);
        return;
      default:
        this.disturb(time, time);
    }
    // In virtual time a node is killed and started in one instant: then the lab's own order tells which came last.
    if (action.action === "start") for (const id of action.nodes) this.close(this.down, id, time, time);
    const isEnd = action.action === "stop" || action.action === "leave" || action.action === "remove";
    if (isEnd || (action.action === "kill" && !SURVIVABLE.test(action.signal)))
      for (const id of action.nodes) this.open(this.down, id, time);
  }

  /** A pause that ends by itself has ended when the node says something again: who was to end it may have died. */
  private endOfPause(id: number, fromMs: number, untilMs: number | null): number {
    if (untilMs === null) return Number.POSITIVE_INFINITY;
    const isShort = untilMs - fromMs < FREEZE_MILD_MS;
    const lives = this.story.livesOf.get(id) ?? [];
    const isBack = lives.some(({ entries }) => (entries.at(-1)?.time ?? 0) >= untilMs - CLOCK_SLACK_MS);
    return isShort || isBack ? untilMs : Number.POSITIVE_INFINITY;
  }

  /** A node is there from its first line on, and its last word ends it; a kill's end is in the lab's lines. */
  private takeLives(): void {
    for (const [node, lives] of this.story.livesOf) {
      for (const { entries } of lives) {
        const bornAtMs = entries[0]?.time ?? 0;
        // Before it, or by its former process in the same instant: both come first here.
        const hasSaidSo = this.saidEnd.get(node) === bornAtMs;
        this.close(
          this.down,
          node,
          bornAtMs,
          Number.NEGATIVE_INFINITY,
          hasSaidSo ? Number.POSITIVE_INFINITY : bornAtMs,
        );
        this.disturb(bornAtMs, bornAtMs);
        for (const entry of entries) this.takeLine(node, entry);
      }
    }
  }

  private takeLine(node: number, entry: Entry): void {
    const { time, exit, phase, frozen_ms: frozenMs } = entry;
    if (typeof frozenMs === "number") this.takeStop(node, { fromMs: time - frozenMs, toMs: time });
    if (typeof frozenMs === "number" && frozenMs >= FREEZE_MILD_MS) {
      const fromMs = time - frozenMs;
      this.paused.set(node, [...(this.paused.get(node) ?? []), { fromMs, toMs: time }]);
      this.disturb(fromMs, time);
    }
    if (typeof phase === "string") this.disturb(time, time);
    // Neither takes part any more, whatever else it does.
    const isGone = typeof exit === "number" || phase === "LEFT" || phase === "CONFLICT" || phase === "LEAVING";
    if (!isGone) return;
    this.open(this.down, node, time);
    this.saidEnd.set(node, time);
  }

  private takeStop(node: number, stop: Span): void {
    const earlier = this.stops.get(node) ?? [];
    const stops = [...earlier.filter(({ toMs }) => toMs > stop.toMs - STOPS_WITHIN_MS), stop];
    this.stops.set(node, stops);
    const stoppedMs = stops.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    if (stoppedMs < FREEZE_MILD_MS) return;
    const span = { fromMs: stops[0]?.fromMs ?? stop.fromMs, toMs: stop.toMs };
    this.starved.set(node, [...(this.starved.get(node) ?? []), span]);
  }

  private takePauses(): void {
    for (const { fromMs, toMs } of [...this.paused.values()].flat()) {
      this.disturb(fromMs, Math.min(toMs, this.story.endMs));
      if (toMs === Number.POSITIVE_INFINITY) this.isOpenEnded = true;
    }
  }

  private beginFault(id: string, names: readonly string[], fromMs: number): void {
    this.endFault(id, fromMs);
    this.faults.set(id, { names, fromMs });
  }

  private endFault(id: string, toMs: number): void {
    const fault = this.faults.get(id);
    if (fault === undefined) return;
    this.faults.delete(id);
    if (toMs === Number.POSITIVE_INFINITY) this.isOpenEnded = true;
    const span = { fromMs: fault.fromMs, toMs };
    for (const name of fault.names) this.links.set(name, [...(this.links.get(name) ?? []), span]);
    this.disturb(fault.fromMs, Math.min(toMs, this.story.endMs));
  }

  private open(spans: Map<number, Span[]>, id: number, fromMs: number, toMs = Number.POSITIVE_INFINITY): void {
    this.close(spans, id, fromMs);
    spans.set(id, [...(spans.get(id) ?? []), { fromMs, toMs }]);
    this.disturb(fromMs, fromMs);
  }

  /** Ends what is open at that time, and began from `afterMs` on and before `beforeMs`. */
  private close(
    spans: Map<number, Span[]>,
    id: number,
    atMs: number,
    afterMs = Number.NEGATIVE_INFINITY,
    beforeMs = Number.POSITIVE_INFINITY,
  ): void {
    const isOpen = ({ fromMs, toMs }: Span) => fromMs <= atMs && atMs < toMs && afterMs <= fromMs && fromMs < beforeMs;
    const all = spans.get(id) ?? [];
    spans.set(
      id,
      all.map((span) => (isOpen(span) ? { ...span, toMs: atMs } : span)),
    );
  }

  private disturb(fromMs: number, toMs: number): void {
    this.disturbances.push({ fromMs, toMs });
  }
}

function merge(spans: readonly Span[]): readonly Span[] {
  const merged: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = merged.at(-1);
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else merged.push({ fromMs, toMs });
  }
  return merged;
}
