/**
 * How far one message may push a number that never goes back: terms, incarnations, refutation counters.
 *
 * Idea: such a number is adopted on a member's word, made durable, and can't be taken back, so one lie of 2^48 would end a cluster's
 * elections for ever. Honest numbers grow by one at a time; a node that was away catches up in a few steps, a liar needs months of them.
 */

import { INCARNATION_CLOCK_MAX, INCARNATION_MAX } from "../../wire/ids.ts";
import { count, journal } from "../kernel/outbox.ts";
import { takeTurn } from "../kernel/timers.ts";
import type { NodeState } from "../state.ts";

/** Terms that are believed at once. A hundred missed elections are a long absence. */
export const TERM_STEP_FREE = 256;
/** The most by which a term grows in one heartbeat: 2^48 is four years of steps away at 500 ms. */
export const TERM_STEP_MAX = 1_048_576;
/** Refutations of a peer that others may have seen and this node not; boots too, where no clock explains a larger jump. */
export const HEARSAY_STEP_MAX = 65_536;
const REPORT_GAP_MS = 5_000;

/** The term to adopt when somebody names `term`: all of it, or a step towards it, or the own one. */
export function believableTerm(state: NodeState, term: number): number {
  const own = state.election.term;
  if (term <= own + TERM_STEP_FREE) return term;
  const mayStep = takeTurn(state, "term-step", "", state.config.timing.heartbeatMs);
  const believed = mayStep ? Math.min(term, own + TERM_STEP_MAX) : own;
  if (believed < term) noteAbsurd(state, "terms_absurd", `term ${term}, this node has seen ${own}`);
  return believed;
}

/** May hearsay move a peer from (inc, rinc) to that? */
export function isBelievableStanding(
  state: NodeState,
  known: { readonly incarnation: number; readonly rinc: number },
  told: { readonly inc: number; readonly rinc: number },
): boolean {
  const rincKnown = told.inc === known.incarnation ? known.rinc : 0;
  if (isBelievableIncarnation(known.incarnation, told.inc) && told.rinc <= rincKnown + HEARSAY_STEP_MAX) return true;
  noteAbsurd(
    state,
    "standings_absurd",
    `incarnation ${told.inc}.${told.rinc}, known ${known.incarnation}.${known.rinc}`,
  );
  return false;
}

/**
 * A node without a disk counts its boots by the clock, so any number that a clock can show is honest, however little is known of it.
 * The last incarnation is never taken on anybody's word: nothing could follow it.
 */
export function isBelievableIncarnation(known: number, told: number): boolean {
  return told <= Math.max(INCARNATION_CLOCK_MAX, known + HEARSAY_STEP_MAX) && told < INCARNATION_MAX;
}

function noteAbsurd(state: NodeState, counter: string, what: string): void {
  count(state, counter);
  if (!takeTurn(state, "absurd", counter, REPORT_GAP_MS)) return;
  journal(state, { kind: "drop", level: "warn", msg: `Not believed: ${what}` });
}
