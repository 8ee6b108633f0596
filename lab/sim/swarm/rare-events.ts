/**
 * What the protocol provides for and seldom happens, by the core's counters: the swarm says how often it reached each, since a promise that
 * was never put to the test isn't tested.
 */
import type { MoveName } from "./moves.ts";

/** Each with the move that leads there soonest; null: the faults that all schedules draw are enough. */
export const RARE_EVENTS = {
  /** A process stops taking part. */
  conflicts: "old-disk",
  /** A debit of a log whose end was given up. */
  lost_records_found: "lost-tail",
  own_log_doubted: "liar",
  /** An id is used by two processes. */
  duplicate_id: "twin",
  /** A node asks its user for a restart: others take it for a former process. */
  restart_requests: "double-spend",
  holdback_overflow: "early-debits",
  /** A newcomer is turned away. */
  members_full: "full-group",
  /** Two records under one number. */
  equivocations: "liar",
  /** A record that rests on another log than the one that is known here. */
  records_diverged: "double-spend",
  /** Equal vectors, and another ledger. */
  logs_diverged: "double-spend",
  /** Two accounts of one node. */
  account_conflicts: "lost-disks",
  /** A node has another list of voters. */
  voters_differ: "other-voters",
  store_failures: null,
  freezes: null,
  snapshots_taken: null,
  fences_doubted: "liar",
  promises_refused: "false-fence",
  promises_dropped: "false-fence",
  standings_absurd: "liar",
  records_malformed: "liar",
} as const satisfies Record<string, MoveName | null>;

export type RareEvent = keyof typeof RARE_EVENTS;
export const RARE_EVENT_NAMES = Object.keys(RARE_EVENTS) as readonly RareEvent[];

/** How often each happened in a schedule; absent: it didn't. */
export type EventCounts = Partial<Record<RareEvent, number>>;

export function countEvents(counters: ReadonlyMap<string, number>): EventCounts {
  return Object.fromEntries(
    RARE_EVENT_NAMES.map((name) => [name, counters.get(name) ?? 0] as const).filter(([, times]) => times > 0),
  );
}
