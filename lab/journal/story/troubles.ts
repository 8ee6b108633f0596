/**
 * Which nodes were allowed to be unreachable, and when all was well: what the story's spans come to for those who judge.
 *
 * Mild trouble is none: the promises hold up to 20 % of loss and 50 ms of jitter, so only what is worse excuses a node.
 */
import type { Impairment } from "../../../node/wire/control.ts";
import type { Absence } from "./lives.ts";
import { append, mergeSpans, overlaps, type Span } from "./span.ts";
import type { Stop } from "./stops.ts";
import type { Story } from "./story.ts";

export interface Troubles {
  /** Spans in which no process of the node takes part (`down`), or is stopped (`paused`). */
  readonly down: ReadonlyMap<number, readonly Absence[]>;
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
/** No node is declared dead in less. */
const FREEZE_MILD_MS = 300;
/** Stops that follow each other within this work like one: between them a process gets through a part of what piled up. */
const STOPS_WITHIN_MS = 3_000;

/** As far as the story goes by now. */
export function readTroubles(story: Story): Troubles {
  const { lives, endMs } = story;
  const paused = findPaused(story);
  const links = findLinks(story);
  const lasting = [...paused.values(), ...links.values()].flat();
  const ends = [...lives.absences.values()].flat().map(({ fromMs }) => fromMs);
  const begins = lives.all.map(({ fromMs }) => fromMs);
  const moments = [...story.changes, ...begins, ...ends, ...plannedEnds(story)];
  const disturbances = [
    ...moments.map((atMs) => ({ fromMs: atMs, toMs: atMs })),
    ...lasting.map(({ fromMs, toMs }) => ({ fromMs, toMs: Math.min(toMs, endMs) })),
  ];
  return {
    down: lives.absences,
    paused,
    starved: findStarved(story),
    links,
    disturbed: mergeSpans(disturbances),
    isOpenEnded: lasting.some(({ toMs }) => toMs === Number.POSITIVE_INFINITY),
  };
}

/** Whether both processes were there in that time, and the links between them were good. */
export function wereConnected(troubles: Troubles, a: number, b: number, span: Span): boolean {
  const touches = (spans: readonly Span[] | undefined) => spans?.some((other) => overlaps(other, span)) ?? false;
  if ([a, b].some((id) => touches(troubles.down.get(id)))) return false;
  const names = [`${a}>${b}`, `${b}>${a}`, `${a}>*`, `${b}>*`, `*>${a}`, `*>${b}`, "*>*"];
  return !names.some((name) => touches(troubles.links.get(name)));
}

/** Longest times without a disturbance, in order, up to the end of the journal. */
export function calmSpans(
  { disturbed }: Troubles,
  { beginMs, endMs }: Pick<Story, "beginMs" | "endMs">,
): readonly Span[] {
  const calm: Span[] = [];
  let fromMs = beginMs;
  for (const span of disturbed) {
    if (span.fromMs > fromMs) calm.push({ fromMs, toMs: span.fromMs });
    fromMs = Math.max(fromMs, span.toMs);
  }
  if (fromMs < endMs) calm.push({ fromMs, toMs: endMs });
  return calm;
}

export function isSevere({ cut, loss, delayMs, jitterMs, rateBps }: Impairment): boolean {
  const isSlow = rateBps > 0 && rateBps < RATE_MILD_BPS;
  return cut || loss > LOSS_MILD || delayMs > DELAY_MILD_MS || jitterMs > JITTER_MILD_MS || isSlow;
}

/** Short stops are none, unless the lab made them. */
function findPaused({ stops }: Story): Map<number, Stop[]> {
  const paused = new Map<number, Stop[]>();
  for (const stop of stops.all)
    if (stop.by === "lab" || stop.toMs - stop.fromMs >= FREEZE_MILD_MS) append(paused, stop.node, stop);
  return paused;
}

function findStarved({ stops }: Story): Map<number, Span[]> {
  const starved = new Map<number, Span[]>();
  for (const [node, own] of stops.ofNode) {
    let recent: readonly Stop[] = [];
    for (const stop of own.filter(({ by }) => by === "node")) {
      recent = [...recent.filter(({ toMs }) => toMs > stop.toMs - STOPS_WITHIN_MS), stop];
      const stoppedMs = recent.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
      const fromMs = recent[0]?.fromMs ?? stop.fromMs;
      if (stoppedMs >= FREEZE_MILD_MS) append(starved, node, { fromMs, toMs: stop.toMs });
    }
  }
  return starved;
}

function findLinks({ faults }: Story): Map<string, Span[]> {
  const links = new Map<string, Span[]>();
  for (const { impairment, pairs, fromMs, toMs } of faults.all) {
    if (impairment === null || !isSevere(impairment)) continue;
    for (const { from, to } of pairs) append(links, from === to ? `${from}>*` : `${from}>${to}`, { fromMs, toMs });
  }
  for (const [node, spans] of faults.unplugged)
    for (const span of spans) for (const name of [`${node}>*`, `*>${node}`]) append(links, name, span);
  return links;
}

/** Mild faults that end by themselves change something then, too. */
function plannedEnds({ faults }: Story): readonly number[] {
  return faults.all.flatMap(({ toMs, entry }) => (typeof entry.untilMs === "number" ? [toMs] : []));
}
