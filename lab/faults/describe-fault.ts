/**
 * Faults in words: what happens to packets in each direction, and what round trip to expect.
 *
 * A fault that says "+100 ms" without saying which way, or whether a ping sees it once or twice, is the most common
 * misunderstanding with such tools (chaos-mesh#3399).
 */
import type { Impairment } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { type Fault, type FaultList, NO_IMPAIRMENT } from "./fault.ts";

/** Both directions between some nodes and what follows: one line of a report. */
export interface Effect {
  readonly from: readonly NodeId[];
  readonly to: readonly NodeId[];
  /** The effect on the way there, on the way back, and in sum. */
  readonly there: string;
  readonly back: string;
  readonly roundTrip: string;
}

/** `+100 ms ±20 ms, 10% loss`; `unchanged` when nothing is impaired. */
export function describeImpairment(impairment: Impairment): string {
  if (impairment.cut) return "cut";
  const { delayMs, jitterMs, loss, duplicate, reorder, rateBps } = impairment;
  const delay = delayMs > 0 ? `+${formatMs(delayMs)}` : jitterMs > 0 ? "+0 ms" : "";
  const parts = [
    jitterMs > 0 ? `${delay} ±${formatMs(jitterMs)}` : delay,
    loss > 0 ? `${formatChance(loss)} lost` : "",
    duplicate > 0 ? `${formatChance(duplicate)} doubled` : "",
    reorder > 0 ? `${formatChance(reorder)} reordered` : "",
    rateBps > 0 ? `at most ${formatRate(rateBps)}` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "unchanged" : parts.join(", ");
}

/** The effects of `faults` on their pairs, given everything that the list holds; equal ones are joined. */
export function describeEffects(faults: readonly Fault[], list: FaultList): readonly Effect[] {
  const seen = new Set<string>();
  const single: Effect[] = [];
  for (const fault of faults) {
    if (fault.from === fault.to || seen.has(`${fault.to}>${fault.from}`)) continue;
    seen.add(`${fault.from}>${fault.to}`);
    const there = effectiveOn(list, fault.from, fault.to);
    const back = effectiveOn(list, fault.to, fault.from);
    single.push({
      from: [fault.from],
      to: [fault.to],
      there: describeImpairment(there),
      back: describeImpairment(back),
      roundTrip: describeRoundTrip(there, back),
    });
  }
  const wordsOf = (effect: Effect): string => `${effect.there}|${effect.back}`;
  const bySource = joinEffects(single, (effect) => `${effect.from}|${wordsOf(effect)}`);
  return joinEffects(bySource, (effect) => `${effect.to}|${wordsOf(effect)}`);
}

/** One line for each group of pairs, without backend. */
export function describeEffect(effect: Effect): string {
  const [from, to] = [effect.from.join(","), effect.to.join(",")];
  return `${from} -> ${to}: ${effect.there}; ${to} -> ${from}: ${effect.back}; ${effect.roundTrip}`;
}

/** Faults that don't act between two nodes: cables, and a sender's own interface. */
export function describeOwn(faults: readonly Fault[]): readonly string[] {
  return faults
    .filter((fault) => fault.from === fault.to)
    .map((fault) =>
      fault.kind === "unplug"
        ? `${fault.to}: cable pulled, hears and reaches nobody`
        : `${fault.from} -> all others alike, on its own interface: ${describeImpairment(fault.impairment)}`,
    );
}

/** The impairment of one directed pair, all faults together. */
function effectiveOn(list: FaultList, from: NodeId, to: NodeId): Impairment {
  let sum = NO_IMPAIRMENT;
  for (const fault of list.faults) {
    const isEgress = fault.egress && fault.from === from;
    if (!isEgress && (fault.from !== from || fault.to !== to || fault.egress)) continue;
    sum = addUp(sum, fault.impairment);
  }
  return sum;
}

export function formatRemaining(untilMs: number | null, nowMs: number): string {
  if (untilMs === null) return "until healed";
  const seconds = Math.max(0, untilMs - nowMs) / 1_000;
  return seconds < 120 ? `${seconds.toFixed(seconds < 10 ? 1 : 0)} s left` : `${Math.round(seconds / 60)} min left`;
}

function formatMs(ms: number): string {
  return ms >= 10_000 ? `${round(ms / 1_000)} s` : `${round(ms)} ms`;
}

function describeRoundTrip(there: Impairment, back: Impairment): string {
  if (there.cut || back.cut) return there.cut && back.cut ? "no contact" : "no answer gets back";
  const delayMs = there.delayMs + back.delayMs;
  const lost = 1 - (1 - there.loss) * (1 - back.loss);
  const delay = delayMs > 0 ? `round trip +${formatMs(delayMs)}` : "round trip as before";
  return lost > 0 ? `${delay}, ${formatChance(lost)} of them lost` : delay;
}

function addUp(a: Impairment, b: Impairment): Impairment {
  const either = (x: number, y: number): number => 1 - (1 - x) * (1 - y);
  return {
    cut: a.cut || b.cut,
    delayMs: a.delayMs + b.delayMs,
    jitterMs: a.jitterMs + b.jitterMs,
    loss: either(a.loss, b.loss),
    duplicate: either(a.duplicate, b.duplicate),
    reorder: either(a.reorder, b.reorder),
    rateBps: a.rateBps === 0 || b.rateBps === 0 ? a.rateBps + b.rateBps : Math.min(a.rateBps, b.rateBps),
  };
}

function joinEffects(effects: readonly Effect[], keyOf: (effect: Effect) => string): readonly Effect[] {
  const groups = new Map<string, Effect>();
  for (const effect of effects) {
    const key = keyOf(effect);
    const group = groups.get(key);
    groups.set(
      key,
      group === undefined
        ? effect
        : { ...effect, from: union(group.from, effect.from), to: union(group.to, effect.to) },
    );
  }
  return [...groups.values()];
}

function union(a: readonly NodeId[], b: readonly NodeId[]): readonly NodeId[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}

function formatChance(chance: number): string {
  return `${round(chance * 100)}%`;
}

function formatRate(rateBps: number): string {
  if (rateBps >= 1e6) return `${round(rateBps / 1e6)} mbit/s`;
  return rateBps >= 1e3 ? `${round(rateBps / 1e3)} kbit/s` : `${rateBps} bit/s`;
}

function round(value: number): number {
  return Number(value.toFixed(value < 10 ? 2 : 1));
}
