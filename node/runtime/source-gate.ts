/**
 * Who may cost this node cryptography: a budget of failed tags for each source, and one for all of them together.
 *
 * Idea: a stranger's datagram under an unheard boot id costs a key derivation and an HMAC, fifteen times as much as everything before
 * it, so 50,000 a second would take two cores. A source whose tags failed too often is dropped unread for a while. The pair of
 * address and boot that has proven itself is never limited, so a flood doesn't touch what peers say; a newcomer is unproven and has
 * a budget of its own, unless the flood comes from ever new addresses: then it gets in with a part of its repetitions.
 */

/** Failed tags of one source: at once, and for each second after that. */
const FAILURES_PER_SOURCE = 50;
/** The same for all sources: about a fifth of a core. */
const FAILURES_IN_ALL = 5_000;
const SOURCES_MAX = 1_024;

interface Budget {
  left: number;
  atMs: number;
}

export interface SourceGate {
  /** False: drop it without looking at its tag. */
  admits(address: string, bootId: string): boolean;
  /** Something authentic and new came from there. */
  proven(address: string, bootId: string): void;
  failed(address: string): void;
  /** Authentic, but not for the first time: a peer's doubles are normal, a stranger's are recordings. */
  repeated(address: string, bootId: string): void;
  /** Addresses that are remembered, for tests and state. */
  readonly size: number;
}

/** @param nowMs monotonic milliseconds */
export function createSourceGate(nowMs: () => number): SourceGate {
  /** Address -> boot that last verified from there; least recently proven first. */
  const provenBoots = new Map<string, string>();
  const budgets = new Map<string, Budget>();
  const all: Budget = { left: FAILURES_IN_ALL, atMs: nowMs() };

  const refill = (budget: Budget, perSecond: number): Budget => {
    const now = nowMs();
    budget.left = Math.min(perSecond, budget.left + ((now - budget.atMs) * perSecond) / 1000);
    budget.atMs = now;
    return budget;
  };

  const failed = (address: string): void => {
    const budget = budgets.get(address) ?? { left: FAILURES_PER_SOURCE, atMs: nowMs() };
    budget.left -= 1;
    all.left -= 1;
    if (!budgets.has(address)) keepNewest(budgets, address, budget);
  };

  return {
    get size() {
      return provenBoots.size + budgets.size;
    },
    admits(address, bootId) {
      if (provenBoots.get(address) === bootId) return true;
      const budget = budgets.get(address);
      if (budget !== undefined && refill(budget, FAILURES_PER_SOURCE).left < 1) return false;
      return refill(all, FAILURES_IN_ALL).left >= 1;
    },
    proven(address, bootId) {
      if (provenBoots.get(address) === bootId) return;
      budgets.delete(address);
      keepNewest(provenBoots, address, bootId);
    },
    failed,
    repeated(address, bootId) {
      if (provenBoots.get(address) !== bootId) failed(address);
    },
  };
}

function keepNewest<T>(memory: Map<string, T>, address: string, value: T): void {
  memory.delete(address);
  memory.set(address, value);
  if (memory.size <= SOURCES_MAX) return;
  const oldest = memory.keys().next().value;
  if (oldest !== undefined) memory.delete(oldest);
}
