/**
 * Rumours: news about peers, sent along with heartbeats and probes until every node has probably heard them.
 *
 * Idea (SWIM, Das et al. 2002, section 4.1): piggyback each piece of news a logarithmic number of times; the least told goes first.
 * A newer rumour about the same peer replaces the older one.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { PeerState, Rumour } from "../../wire/message.ts";
import { setTimer } from "../kernel/timers.ts";
import type { NodeState } from "../state.ts";
import { isLive } from "./members.ts";

export interface RumourQueue {
  readonly items: { rumour: Rumour; sendsLeft: number }[];
}

/** Times that each rumour is sent for each decimal digit of the group's size (memberlist: RetransmitMult). */
const SENDS_PER_DIGIT = 4;

/** The queue's bound: the rumour that was sent most often goes first. */
const RUMOURS_MAX = 512;

/** Later states win among equal (incarnation, rinc). */
const STATE_ORDER: Readonly<Record<PeerState, number>> = { UNKNOWN: 0, ALIVE: 1, SUSPECTED: 2, FAILED: 3, LEFT: 4 };

interface Standing {
  readonly state: PeerState;
  readonly inc: number;
  readonly rinc: number;
}

/** Negative when `a` is older news than `b`, 0 when it is the same, positive when it is newer. */
export function compareStanding(a: Standing, b: Standing): number {
  return a.inc - b.inc || a.rinc - b.rinc || STATE_ORDER[a.state] - STATE_ORDER[b.state];
}

export function createRumours(): RumourQueue {
  return { items: [] };
}

/** Queues a rumour for the next heartbeats and probes. */
export function spread(state: NodeState, rumour: Rumour): void {
  const { items } = state.rumours;
  const sendsLeft = SENDS_PER_DIGIT * digitsOf(state.members.size + 2);
  const at = items.findIndex((item) => item.rumour.of === rumour.of && item.rumour.by === rumour.by);
  if (at >= 0) items[at] = { rumour, sendsLeft };
  else items.push({ rumour, sendsLeft });
  if (items.length > RUMOURS_MAX) items.sort((a, b) => b.sendsLeft - a.sendsLeft).pop();
  // Older news of the same peer is worthless, no matter who sent it.
  const standing = items.filter(
    (item) => item.rumour.of !== rumour.of || compareStanding(item.rumour, rumour) >= 0 || item.rumour === rumour,
  );
  items.splice(0, items.length, ...standing);
}

/** Queues a rumour and sends the next heartbeat at once: SUSPECTED, FAILED and refutations can't wait for a beat. */
export function spreadAtOnce(state: NodeState, rumour: Rumour): void {
  spread(state, rumour);
  hurryHeartbeat(state);
}

/** The rumours for one message: those about `first`, then the least told. */
export function takeRumours(state: NodeState, max: number, first: NodeId | null = null): Rumour[] {
  const { items } = state.rumours;
  if (items.length === 0) return [];
  items.sort(
    (a, b) =>
      Number(b.rumour.of === first) - Number(a.rumour.of === first) ||
      b.sendsLeft - a.sendsLeft ||
      a.rumour.of - b.rumour.of ||
      a.rumour.by - b.rumour.by,
  );
  const taken = items.slice(0, max);
  for (const item of taken) item.sendsLeft -= 1;
  state.rumours.items.splice(0, items.length, ...items.filter((item) => item.sendsLeft > 0));
  return taken.map((item) => item.rumour);
}

/** Heartbeats that a node may send one after the other when there is news. */
const BURST = 3;

/** An extra heartbeat as soon as the rate limit allows (heartbeat.ts sends it). */
export function hurryHeartbeat(state: NodeState): void {
  const { beat, nowMs, config } = state;
  const gapMs = config.timing.probeIntervalMs / 4;
  const allowedAtMs = beat.paidUntilMs - (BURST - 1) * beatShareMs(state);
  setTimer(state.timers, "beat-early", "", Math.max(nowMs, beat.lastAtMs + gapMs, allowedAtMs));
}

/** Notes that a heartbeat leaves now: each one takes up its share of what the group may send. */
export function payForBeat(state: NodeState): void {
  const { beat, nowMs } = state;
  beat.lastAtMs = nowMs;
  beat.paidUntilMs = Math.max(nowMs, beat.paidUntilMs) + beatShareMs(state);
}

/** Early heartbeats of all nodes together are about as many in a group of any size. */
function beatShareMs(state: NodeState): number {
  return (state.config.timing.probeIntervalMs / 4) * sizeFactor(state);
}

/** Factor for the intervals of periodic multicasts, so that their sum stays bounded: max(1, n/10). */
export function sizeFactor(state: NodeState): number {
  let live = 1;
  for (const member of state.members.values()) if (isLive(member)) live += 1;
  return Math.max(1, live / 10);
}

/** A peer that is silent for so many heartbeats has missed at least one, and most likely two. */
export const OVERDUE_BEATS = 2.5;

/** Interval of the regular heartbeat at the present group size. */
export function beatIntervalMs(state: NodeState): number {
  return state.config.timing.heartbeatMs * sizeFactor(state);
}

/** ceil(log10(n)) without floating-point logarithms. */
function digitsOf(n: number): number {
  return n <= 10 ? 1 : n <= 100 ? 2 : n <= 1_000 ? 3 : 4;
}
