/**
 * Limits the cryptography that strangers can make this node do: a budget of failed tags for each source, and one for all together.
 *
 * Idea: a stranger's datagram under an unheard boot id costs a key derivation and an HMAC, fifteen times as much as everything before
 * it, so 50,000 a second would take two cores. A source whose tags failed too often is dropped unread for a while. The pair of
 * address and boot that the core has asked and that has answered is never limited (intake.ts), so a flood doesn't touch what peers say; a
 * newcomer has a budget of its own, unless the flood comes from ever new addresses: then it gets in with a part of its repetitions.
 */
import { MEMBERS_MAX } from "../wire/ids.ts";

/** Failed tags of one source: at once, and for each second after that. */
const FAILURES_PER_SOURCE = 50;
/** The same for all sources: about a fifth of a core. */
const FAILURES_IN_ALL = 5_000;
const SOURCES_MAX = 2 * MEMBERS_MAX;

interface Budget {
  left: number;
  atMs: number;
}

export interface SourceGate {
  /** False: drop it without looking at its tag. */
  admits(address: string): boolean;
  failed(address: string): void;
  /** Addresses that are remembered, for tests and state. */
  readonly size: number;
}

/** @param nowMs monotonic milliseconds */
export function createSourceGate(nowMs: () => number): SourceGate {
  /** Latest last. */
  const budgets = new Map<string, Budget>();
  const all: Budget = { left: FAILURES_IN_ALL, atMs: nowMs() };

  const refill = (budget: Budget, perSecond: number): Budget => {
    const now = nowMs();
    budget.left = Math.min(perSecond, budget.left + ((now - budget.atMs) * perSecond) / 1000);
    budget.atMs = now;
    return budget;
  };

  return {
    get size() {
      return budgets.size;
    },
    admits(address) {
      const budget = budgets.get(address);
      if (budget !== undefined && refill(budget, FAILURES_PER_SOURCE).left < 1) return false;
      return refill(all, FAILURES_IN_ALL).left >= 1;
    },
    failed(address) {
      const budget = budgets.get(address) ?? { left: FAILURES_PER_SOURCE, atMs: nowMs() };
      budget.left -= 1;
      all.left -= 1;
      budgets.set(address, budget);
      if (budgets.size <= SOURCES_MAX) return;
      const oldest = budgets.keys().next().value;
      if (oldest !== undefined) budgets.delete(oldest);
    },
  };
}
