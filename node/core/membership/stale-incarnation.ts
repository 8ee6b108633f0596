/**
 * Others take this process for a former one: they ignore all its messages but JOIN, and answer that with the incarnation to exceed.
 *
 * It happens with an older or another disk, when the members that remember the later process were away at the start. A joining node takes
 * the next incarnation and goes on. A READY one has its incarnation in its trades: it writes down the incarnation to exceed, and asks its
 * user for a restart. It doesn't end by itself: otherwise a single member's word, true or not, could stop it.
 */

import type { NodeId } from "../../wire/ids.ts";
import { count, journal, persist } from "../kernel/outbox.ts";
import { isRestoring } from "../kernel/phase.ts";
import { takeTurn } from "../kernel/timers.ts";
import type { NodeState } from "../state.ts";
import { sendJoin } from "./introduction.ts";
import type { Member } from "./members.ts";
import { isBelievableIncarnation } from "./plausible.ts";

/** Answers get lost, and a busy member is late. */
const UNANSWERED_MIN = 3;
/** Pause between two JOINs to one member, and between two lines to the user. */
const GAP_MS = 5_000;

/** Called when a member lives and doesn't answer a probe: the reason may be that it takes this process for a former one. */
export function askWhetherKnown(state: NodeState, member: Member): void {
  const { id } = member;
  member.unanswered += 1;
  if (member.unanswered < UNANSWERED_MIN) return;
  if (state.phase === "READY" && takeTurn(state, "introduced", id, GAP_MS)) sendJoin(state, id);
}

/** `by` refused JOIN because it knows a process of this node with incarnation `known`. */
export function onStaleIncarnation(state: NodeState, known: number, by: NodeId): void {
  if (!isBelievableIncarnation(state.self.incarnation, known)) return;
  // A node that began alone, without voters, makes no trades before others confirm its account.
  if (isRestoring(state) || !state.join.confirmed) outgrow(state, known);
  else askForRestart(state, known, by);
}

/** True while this process goes on in a higher incarnation than `known`, the highest that an earlier one is known to have used. */
export function outgrow(state: NodeState, known: number): boolean {
  const { join, self } = state;
  if (join.staleWrite !== null) return true;
  if (known < self.incarnation) return false;
  const incarnation = known + 1;
  const writeId = persist(state, [{ table: "incarnation", atLeast: incarnation }]);
  join.staleWrite = { writeId, incarnation };
  const msg = `Incarnation ${self.incarnation} is stale, going on with ${incarnation}`;
  journal(state, { kind: "state", level: "warn", msg });
  return true;
}

function askForRestart(state: NodeState, known: number, by: NodeId): void {
  const { join, self } = state;
  if (state.phase !== "READY" || known < self.incarnation || !takeTurn(state, "mistaken", "", GAP_MS)) return;
  const isNews = known > join.mistakenFor;
  if (isNews) join.mistakenFor = known;
  count(state, "restart_requests");
  const writeId = isNews ? persist(state, [{ table: "incarnation", atLeast: known }]) : undefined;
  const msg = `Node ${by} ignores this process: it knows incarnation ${known}, and this is ${self.incarnation}. ${restartText(state)}`;
  journal(state, { kind: "state", level: "error", msg, from: by }, writeId);
}

/** The advice for journal and status; empty: there is none. */
export function restartText({ join, self }: NodeState): string {
  if (join.mistakenFor === 0) return "";
  return `Start Node ${self.id} again: it takes an incarnation above ${join.mistakenFor}`;
}
