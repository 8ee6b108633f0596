/**
 * Promises to a node that lost its disk, which hold its account back until its fence is here: when one is given, refused and dropped.
 *
 * Anybody with the cluster's key can ask in another node's name. So a node that is heard READY gets no promise, and a promise is void when
 * its asker, or a later process of that node, is heard READY for longer than a dead one could be, without the fence that it wanted.
 * Datagrams of its former processes don't count: their incarnations are lower than the asker's.
 */
import type { NodeId } from "../../wire/ids.ts";
import type { MessageOf } from "../../wire/message.ts";
import { count, journal, persist } from "../kernel/outbox.ts";
import { takeTurn } from "../kernel/timers.ts";
import type { Origin } from "../kernel/types.ts";
import type { NodeState } from "../state.ts";

export interface FencePromise {
  /** Nothing of the account after this number is delivered before the fence. */
  readonly at: number;
  /** The process that asked for it. */
  readonly incarnation: number;
  /** Since when its owner was heard READY without a fence; null: it wasn't. */
  readySinceMs: number | null;
}

/** The owner is heard READY: it has a disk, and somebody else has asked in its name, or the question is late. */
export function isNeedless(state: NodeState, { sender, address }: Origin): boolean {
  if (state.members.get(sender)?.phase !== "READY") return false;
  count(state, "promises_refused");
  if (takeTurn(state, "refused-promise", sender, state.config.timing.heartbeatTimeoutMs)) {
    const msg = `Refused a promise about the log of Node ${sender}, asked for from ${address}: that node is READY`;
    journal(state, { kind: "drop", level: "warn", msg, from: sender });
  }
  return true;
}

/** A heartbeat of the owner: is the promise still wanted? True: no longer, and what it held back can be delivered. */
export function reviewPromise(
  state: NodeState,
  { phase, fences }: MessageOf<"HEARTBEAT">["payload"],
  from: Origin,
): boolean {
  const promise = state.recovery.promises.get(from.sender);
  if (promise === undefined) return false;
  const isFenced = (fences?.get(from.sender) ?? 0) > promise.at;
  if (phase !== "READY" || isFenced || from.incarnation < promise.incarnation) {
    promise.readySinceMs = null;
    return false;
  }
  promise.readySinceMs ??= state.nowMs;
  if (state.nowMs - promise.readySinceMs < state.config.timing.heartbeatTimeoutMs) return false;
  state.recovery.promises.delete(from.sender);
  persist(state, [{ table: "fence", account: from.sender, at: null }]);
  count(state, "promises_dropped");
  const msg = `Dropped the promise about the log of Node ${from.sender} after debit ${promise.at}: that node is READY and has no fence there`;
  journal(state, { kind: "state", level: "warn", msg, from: from.sender });
  return true;
}

/** `Node 3 after debit 4`, for status. */
export function promiseTexts({ recovery }: NodeState): string[] {
  return [...recovery.promises]
    .sort(([a], [b]) => a - b)
    .map(([id, { at }]: [NodeId, FencePromise]) => `Node ${id} after debit ${at}`);
}
