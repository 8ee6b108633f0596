/**
 * Which lines of a journal a person wants to see go by: what changes the cluster, not how it does so.
 */
import type { Entry } from "./entry.ts";

/** Each datagram and each delivery, and the answers to requests. */
const BUSY: ReadonlySet<Entry["kind"]> = new Set(["send", "recv", "deliver", "hold", "duplicate", "reply"]);
/** Progress lines of a scenario or a load. */
const BUSY_ACTIONS: ReadonlySet<unknown> = new Set(["order"]);

export function isNotable(entry: Entry): boolean {
  if (entry.level === "debug" || BUSY.has(entry.kind)) return false;
  return !(entry.node === 0 && BUSY_ACTIONS.has(entry.action));
}

/** One line, without what could move a terminal's cursor: a journal may hold what strangers sent. */
export function plainText(text: string): string {
  return [...text].map((char) => (/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(char) ? " " : char)).join("");
}

/** `12:31:07.123Z`: UTC, wherever somebody reads it. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 24);
}
