/**
 * Asks for state: one STATE_REQUEST with the own vector, answered by chunks, repeated with the grown vector until there is no more.
 *
 * Idea: the responder keeps nothing about the transfer, so any member can answer the next request, and a lost chunk is simply asked
 * for again. A vector of a large group fits no datagram, so a transfer goes through it page by page. Used by a joiner (`Sync`), for
 * large gaps, and for accounts that a digest names and we lack.
 */
import { type Clock, encodeClock } from "../../wire/clock.ts";
import type { NodeId } from "../../wire/ids.ts";
import type { SnapshotPart } from "../../wire/message.ts";
import { count, unicast } from "../kernel/outbox.ts";
import { drawBelow } from "../kernel/random.ts";
import { cancelTimer, setTimer } from "../kernel/timers.ts";
import { coversAccounts, entry, sortedIds } from "../kernel/vector-clock.ts";
import { aliveIds } from "../membership/members.ts";
import type { NodeState } from "../state.ts";

/** A state transfer in progress: STATE_REQUEST is repeated with the grown vector until the responder has no more. */
export interface Pull {
  responder: NodeId;
  want: "members" | "records" | "both";
  attempts: number;
  /** The accounts up to this id have been gone through. */
  after: NodeId | 0;
  /** Accounts and records here when the last request went out: without any growth since, the next one waits for its timer. */
  mark: number;
  /** Another peer that named a missing record meanwhile: it is asked when this transfer is over. */
  next: NodeId | null;
}

/** Accounts with `after` < id <= `upTo`. */
export interface Page {
  readonly after: NodeId | 0;
  readonly upTo: NodeId;
}

/** Accounts that one request is about, at most: an answer has room for all their members. */
export const PAGE_IDS = 256;
export const ID_MAX: NodeId = 65_535;

export function isIn({ after, upTo }: Page, id: NodeId): boolean {
  return id > after && id <= upTo;
}

/** The snapshot that others are offered, until the next compaction. */
export interface OfferedSnapshot {
  readonly of: string;
  readonly parts: readonly SnapshotPart[];
}

/** Complete when it has `total` parts. */
export interface StagedSnapshot {
  readonly of: string;
  readonly total: number;
  readonly parts: Map<number, SnapshotPart>;
}

/** A STATE_REQUEST without its rows, in its frame. */
const REQUEST_BYTES = 320;
const RETRY_FIRST_MS = 50;
const RETRY_CAP_MS = 1_000;
/** Attempts at one responder before another member is asked. */
const ATTEMPTS_PER_RESPONDER = 2;
/** Without a joiner's target nobody waits for the answer: digests start it again when there is a reason. */
const ATTEMPTS_MAX = 8;

/** Starts a transfer from `responder`, or widens the one that is running. */
export function startPull(state: NodeState, responder: NodeId, want: Pull["want"]): void {
  if (!state.rules.stateTransfer) return;
  const running = state.causal.pull;
  if (running !== null) {
    const isWider = running.want !== want && running.want !== "both";
    if (isWider) Object.assign(running, { want: "both", after: 0 });
    if (running.responder !== responder) running.next = responder;
    // The answer that is under way covers only what was asked for until now.
    if (isWider) request(state);
    return;
  }
  state.causal.pull = { responder, want, attempts: 0, after: 0, mark: -1, next: null };
  request(state);
}

/** The responder has more than it sent, behind the account `after`: ask again with the present vector. */
export function continuePull(state: NodeState, after: NodeId | 0): void {
  const pull = state.causal.pull;
  if (pull === null || (pull.after === after && pull.mark === sizeOf(state))) return;
  pull.after = after;
  pull.attempts = 0;
  request(state);
}

/** Something of the transfer arrived: the next silence counts from here. */
export function notePullProgress(state: NodeState): void {
  if (state.causal.pull === null) return;
  state.causal.pull.attempts = 0;
  setTimer(state.timers, "pull", "", state.nowMs + RETRY_FIRST_MS);
}

export function endPull(state: NodeState): void {
  const next = state.causal.pull?.next ?? null;
  if (state.causal.sync !== null) state.causal.sync.isPulled = true;
  state.causal.pull = null;
  state.causal.staged = null;
  cancelTimer(state.timers, "pull", "");
  if (next !== null) startPull(state, next, "records");
}

export function onPullTimer(state: NodeState): void {
  const pull = state.causal.pull;
  if (pull === null) return;
  pull.attempts += 1;
  if (pull.attempts >= ATTEMPTS_MAX && state.causal.sync === null) {
    endPull(state);
    return;
  }
  if (pull.attempts % ATTEMPTS_PER_RESPONDER === 0)
    pull.responder = anotherPeer(state, pull.responder) ?? pull.responder;
  count(state, "state_requests_repeated");
  request(state);
}

/** A joiner waits for `target`, and for the end of the transfer if the vector has more rows: true once, when all of it is on disk. */
export function takeSynchronised(state: NodeState): boolean {
  const { sync } = state.causal;
  if (sync === null || !sync.isPulled || !coversAccounts(state.ledger.durable, sync.target)) return false;
  state.causal.sync = null;
  cancelTimer(state.timers, "sync", "");
  return true;
}

/** Keeps a transfer going for as long as the joiner's target isn't reached. */
export function onSyncTimer(state: NodeState): void {
  const { sync } = state.causal;
  if (sync === null) return;
  if (state.causal.pull === null && !coversAccounts(state.ledger.clock, sync.target)) {
    sync.responder = anotherPeer(state, sync.responder) ?? sync.responder;
    startPull(state, sync.responder, "both");
  }
  setTimer(state.timers, "sync", "", state.nowMs + RETRY_FIRST_MS);
}

/** A member that is alive and not `not`, at random; null when there is none. */
export function anotherPeer(state: NodeState, not: NodeId): NodeId | null {
  const others = aliveIds(state).filter((id) => id !== not && id !== state.self.id);
  return others[drawBelow(state.random, Math.max(1, others.length))] ?? null;
}

function request(state: NodeState): void {
  const pull = state.causal.pull;
  if (pull === null) return;
  pull.mark = sizeOf(state);
  const { staged } = state.causal;
  const snapshot = staged === null ? {} : { snapshot: { of: staged.of, from: firstMissing(staged) } };
  const { want, after } = pull;
  const { have, up_to } = pageOf(state, after);
  unicast(state, pull.responder, "STATE_REQUEST", { have, want, after, up_to, ...snapshot });
  const waitMs = Math.min(RETRY_FIRST_MS << Math.min(pull.attempts, 5), RETRY_CAP_MS);
  setTimer(state.timers, "pull", "", state.nowMs + waitMs);
}

/** The own rows behind `after`, as many as a request has room for. */
function pageOf(state: NodeState, after: NodeId | 0): { have: Clock; up_to: NodeId } {
  const { clock } = state.ledger;
  const ids = sortedIds(clock).filter((id) => id > after);
  const room = state.config.bodyBytesMax - REQUEST_BYTES;
  for (let rows = Math.min(ids.length, PAGE_IDS); ; rows = Math.floor(rows / 2)) {
    const have = new Map(ids.slice(0, rows).map((id) => [id, entry(clock, id)]));
    const up_to = rows === ids.length ? ID_MAX : (ids[rows - 1] as NodeId);
    if (rows <= 1 || encodeClock(have).length <= room) return { have, up_to };
  }
}

/** Number of the first part of a snapshot that has not come; all are there: their number. */
export function firstMissing({ parts, total }: StagedSnapshot): number {
  for (let index = 0; index < total; index++) if (!parts.has(index)) return index;
  return total;
}

/** Grows with everything that a transfer brings, and never shrinks while it runs. */
function sizeOf({ ledger, causal }: NodeState): number {
  return ledger.dropped + ledger.log.length + ledger.accounts.size + (causal.staged?.parts.size ?? 0);
}

/**
 * Fetches everything up to `target` from `responder` (or another member); `takeSynchronised` tells when it is all on disk. `isPart`: the
 * responder's vector has more rows.
 */
export function startSync(state: NodeState, responder: NodeId, target: Clock, isPart: boolean): void {
  state.causal.sync = { target: new Map(target), responder, isPulled: !isPart };
  startPull(state, responder, "both");
  setTimer(state.timers, "sync", "", state.nowMs);
}
