/**
 * One table of timers for the whole core (after quinn-proto): a binary heap of deadlines as plain data.
 *
 * A timer is named by its kind and key. Setting it again moves it, cancelling it forgets it. The heap keeps entries that were moved or
 * cancelled and skips them when they surface. Equal deadlines fire in the order in which they were set.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { NodeState } from "../state.ts";
import { type HeapEntry, popHeap, pushHeap } from "./heap.ts";

/** There is one timer of this kind. */
type Single = "";
type Nonce = string;
type TradeId = string;
/** `host:port`. */
type Address = string;

/** Timers that do something when they are due, and what their keys are. Each kind has one handler (step.ts). */
export interface ActingTimers {
  readonly "probe-round": Single;
  readonly "probe-now": NodeId;
  readonly "call-next": Single;
  readonly probe: Nonce;
  readonly suspicion: NodeId;

  /** The second and third announcement of a coordinator, by number. */
  readonly announce: number;
  readonly candidacy: Single;
  readonly "election-retry": Single;
  readonly "ok-resend": Single;
  readonly preempt: Single;
  readonly quorum: Single;
  readonly "vote-resend": Single;

  /** By the origin of the missing records. */
  readonly nak: NodeId;
  readonly pull: Single;
  readonly sync: Single;

  readonly "recovery-ask": Single;
  readonly "recovery-patience": Single;

  /** By payee. */
  readonly confirm: NodeId;
  readonly offer: TradeId;
  readonly request: TradeId;

  readonly beat: Single;
  readonly "beat-early": Single;
  readonly challenge: NodeId;
  readonly rival: Single;
  readonly "join-announce": Single;
  readonly "join-answer": NodeId;
  readonly "join-conflict": Single;
  readonly "join-discovery": Single;
  readonly "join-overdue": Single;
  readonly "join-sync": Single;
  readonly leave: Single;
}

/** Timers that only have to run out: until then something is not done again. They have no handler. */
export interface RateLimits {
  /** By the counter of what was not believed. */
  readonly absurd: string;
  readonly "asked-rival": Address;
  readonly challenged: NodeId;
  readonly compared: NodeId;
  readonly corrected: NodeId;
  readonly diverged: NodeId;
  readonly "doubted-by": NodeId;
  readonly equivocation: NodeId;
  readonly greeted: NodeId;
  readonly introduced: NodeId;
  readonly "leave-answered": NodeId;
  readonly "lost-sight": NodeId;
  readonly "members-asked": Single;
  readonly misled: Single;
  readonly mistaken: Single;
  /** No own debit is made while it runs. */
  readonly "own-log-doubt": Single;
  readonly refused: Address;
  readonly "refused-promise": NodeId;
  readonly reported: Address;
  readonly strayed: NodeId;
  readonly "term-step": Single;
  readonly told: NodeId;
}

type TimerKeys = ActingTimers & RateLimits;
export type TimerKind = keyof TimerKeys;

/** The handlers of some kinds of timers; default: of all. */
export type TimerHandlers<K extends keyof ActingTimers = keyof ActingTimers> = {
  readonly [T in K]: (state: NodeState, key: ActingTimers[T]) => void;
};

export interface TimerEntry extends HeapEntry {
  readonly kind: TimerKind;
  readonly key: string | number;
  /** False: it was moved, cancelled or taken. */
  isLive: boolean;
}

export interface TimerTable {
  readonly heap: TimerEntry[];
  readonly live: Map<TimerKind, Map<string | number, TimerEntry>>;
  nextSeq: number;
}

export function createTimers(): TimerTable {
  return { heap: [], live: new Map(), nextSeq: 1 };
}

/** Sets or moves the timer (kind, key) to the instant `atMs`. */
export function setTimer<K extends TimerKind>(timers: TimerTable, kind: K, key: TimerKeys[K], atMs: number): void {
  const entry: TimerEntry = { atMs, seq: timers.nextSeq++, kind, key, isLive: true };
  const others = timers.live.get(kind);
  if (others === undefined) timers.live.set(kind, new Map([[key, entry]]));
  else {
    const before = others.get(key);
    if (before !== undefined) before.isLive = false;
    others.set(key, entry);
  }
  pushHeap(timers.heap, entry);
}

/** Moves a timer, if it is set, to `byMs` later. */
export function delayTimer<K extends TimerKind>(timers: TimerTable, kind: K, key: TimerKeys[K], byMs: number): void {
  const armed = timers.live.get(kind)?.get(key);
  if (armed !== undefined) setTimer(timers, kind, key, armed.atMs + byMs);
}

export function cancelTimer<K extends TimerKind>(timers: TimerTable, kind: K, key: TimerKeys[K]): void {
  const others = timers.live.get(kind);
  const armed = others?.get(key);
  if (armed === undefined) return;
  armed.isLive = false;
  others?.delete(key);
}

export function hasTimer<K extends TimerKind>(timers: TimerTable, kind: K, key: TimerKeys[K]): boolean {
  return timers.live.get(kind)?.has(key) === true;
}

/** True at most once in `gapMs` for a kind and key: whatever the limit is for may be done now. */
export function takeTurn<K extends keyof RateLimits>(
  { timers, nowMs }: NodeState,
  kind: K,
  key: TimerKeys[K],
  gapMs: number,
): boolean {
  if (hasTimer(timers, kind, key)) return false;
  setTimer(timers, kind, key, nowMs + gapMs);
  return true;
}

/** Earliest deadline of a live timer, or null. */
export function nextTimeoutMs(timers: TimerTable): number | null {
  discardDead(timers);
  return timers.heap[0]?.atMs ?? null;
}

/** Takes out the next timer that is due at `nowMs`, or null. Call until null: handlers may set timers that are due at once. */
export function takeDue(timers: TimerTable, nowMs: number): TimerEntry | null {
  discardDead(timers);
  const top = timers.heap[0];
  if (top === undefined || top.atMs > nowMs) return null;
  popHeap(timers.heap);
  top.isLive = false;
  timers.live.get(top.kind)?.delete(top.key);
  return top;
}

/** Runs the handler of a timer that was due; a rate limit has none. */
export function fireTimer(handlers: Partial<TimerHandlers>, state: NodeState, due: TimerEntry): void {
  // `setTimer` has checked the key against the kind.
  (handlers as Partial<Record<TimerKind, (state: NodeState, key: unknown) => void>>)[due.kind]?.(state, due.key);
}

function discardDead(timers: TimerTable): void {
  while (timers.heap[0]?.isLive === false) popHeap(timers.heap);
}
