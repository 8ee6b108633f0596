/**
 * Links of the simulated network in the words of the lab's journal.
 */
import type { Impairment } from "../../../node/wire/control.ts";
import type { LinkModel } from "../world/network.ts";

export interface Pair {
  readonly from: number;
  readonly to: number;
}

/** All directed pairs of different nodes. */
export function pairsOf(from: readonly number[], to: readonly number[] = from): readonly Pair[] {
  return from.flatMap((a) => to.filter((b) => b !== a).map((b) => ({ from: a, to: b })));
}

/** The model of a link in the words of the lab. Bursts of loss count as heavy loss. */
export function impairmentOf(model: LinkModel): Impairment {
  const { delayMs, duplicate, reorder, rateKbps } = model;
  const jitterMs = model.distribution === "pareto" ? 5 * model.jitterMs : model.jitterMs;
  const loss = model.burstEnter > 0 ? Math.max(model.loss, 0.5) : model.loss;
  return { cut: false, delayMs, jitterMs, loss, duplicate, reorder, rateBps: rateKbps * 1_000 };
}
