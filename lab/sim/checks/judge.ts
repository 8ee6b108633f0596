/**
 * The properties that the checkers know (node/PROTOCOL.md#promises), and how a broken one is reported: by an exception, at the instant at
 * which it broke.
 */
export const PROPERTIES = [
  ...(["S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10"] as const),
  ...(["L1", "L2", "L3", "L4", "L5", "D1"] as const),
] as const;
export type Property = (typeof PROPERTIES)[number];

export class InvariantError extends Error {
  readonly property: Property;

  constructor(property: Property, message: string) {
    super(`${property}: ${message}`);
    this.property = property;
    this.name = "InvariantError";
  }
}

/** More of the same say nothing new. */
const BROKEN_MAX = 20;

/** Null: whatever it is about. */
interface Excuse {
  readonly reason: string;
  readonly accounts: Set<number> | null;
}

/**
 * The promises whose premises are gone in this run, each with the reason, and for which accounts (the numbers of their owners). They may
 * break; what broke is kept, since it must not stay unnoticed by the nodes themselves.
 */
export class Excuses {
  readonly reasons = new Map<Property, Excuse>();
  readonly broken: string[] = [];

  /** @param accounts default: all */
  give(properties: readonly Property[], reason: string, accounts: readonly number[] | null = null): void {
    for (const property of properties) {
      const known = this.reasons.get(property);
      if (known?.accounts === null) continue;
      const both = accounts === null ? null : new Set([...(known?.accounts ?? []), ...accounts]);
      this.reasons.set(property, { reason: known?.reason ?? reason, accounts: both });
    }
  }

  /** Whether that breach is one of a promise without its premise. `about`: the account; absent: several, or nobody can say. */
  covers(property: string, describe: () => string, about?: number): boolean {
    const excuse = this.reasons.get(property as Property);
    if (excuse === undefined) return false;
    if (excuse.accounts !== null && about !== undefined && !excuse.accounts.has(about)) return false;
    if (this.broken.length < BROKEN_MAX) this.broken.push(describe());
    return true;
  }
}

export class Judge {
  private readonly blind: ReadonlySet<Property>;
  private readonly excuses: Excuses;

  /** `blind`: properties that may break unseen, to see what follows from their loss. */
  constructor(blind: readonly Property[] = [], excuses = new Excuses()) {
    this.blind = new Set(blind);
    this.excuses = excuses;
  }

  /** @param about the account */
  require(condition: boolean, property: Property, describe: () => string, about?: number): void {
    if (condition || this.blind.has(property)) return;
    if (!this.excuses.covers(property, describe, about)) throw new InvariantError(property, describe());
  }
}
