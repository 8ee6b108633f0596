/**
 * How much the nodes of a lab write down, as one word: `events` (what changes), `detailed` (every delivery too, which checkers need),
 * `wire` (every message sent and received too, which pictures need). Each holds what the one before holds.
 */
export const JOURNAL_DETAILS = ["events", "detailed", "wire"] as const;
export type JournalDetail = (typeof JOURNAL_DETAILS)[number];

/** The node's variables that make it so. */
export function describeAsEnv(detail: JournalDetail): Readonly<Record<string, string>> {
  if (detail === "events") return {};
  return detail === "wire" ? { DS_LOG_LEVEL: "DEBUG", DS_JOURNAL: "wire" } : { DS_LOG_LEVEL: "DEBUG" };
}

/** What a lab's variables come to. */
export function readDetail(env: Readonly<Record<string, string>>): { isDetailed: boolean; hasWire: boolean } {
  return { isDetailed: env.DS_LOG_LEVEL?.toUpperCase() === "DEBUG", hasWire: env.DS_JOURNAL === "wire" };
}

/** For people: `wire` without deliveries is still `wire`. */
export function nameDetail({ isDetailed, hasWire }: { isDetailed: boolean; hasWire: boolean }): JournalDetail {
  return hasWire ? "wire" : isDetailed ? "detailed" : "events";
}
