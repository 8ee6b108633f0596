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

export class Judge {
  private readonly blind: ReadonlySet<Property>;

  /** `blind`: properties that may break unseen, to see what follows from their loss. */
  constructor(blind: readonly Property[] = []) {
    this.blind = new Set(blind);
  }

  require(condition: boolean, property: Property, describe: () => string): void {
    if (!condition && !this.blind.has(property)) throw new InvariantError(property, describe());
  }
}
