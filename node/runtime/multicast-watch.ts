/**
 * Whether multicast works here, by what comes back. A node that multicast doesn't reach founds a group of its own in silence, so a
 * person has to hear of it. Pure.
 */
export interface MulticastWatch {
  /** A datagram to the group has left. */
  onSent(): void;
  /** True: nothing more will be reported, and nobody needs to tell it anything. */
  readonly isOver: boolean;
  /** A datagram arrived: one of our own that came back, or somebody's. */
  onHeard(from: "self" | "other"): void;
  /** The report that is due now; null: there is none, or it was made. */
  report(nowMs: number): MulticastReport | null;
}

export interface MulticastReport {
  readonly kind: "blocked" | "alone";
  readonly text: string;
}

/** JOIN is sent three times at once, and a heartbeat follows: by then something of it has come back. */
const BLOCKED_AFTER_MS = 4_000;
const ALONE_AFTER_MS = 15_000;
const SENT_MIN = 3;

/** @param way the group and the interface, for the sentence */
export function createMulticastWatch(startedAtMs: number, way: () => string): MulticastWatch {
  let sent = 0;
  let returned = 0;
  let isOver = false;
  return {
    get isOver() {
      return isOver;
    },
    onSent() {
      sent += 1;
    },
    onHeard(from) {
      if (from === "self") returned += 1;
      else isOver = true;
    },
    report(nowMs) {
      const passedMs = nowMs - startedAtMs;
      if (isOver || sent < SENT_MIN || passedMs < BLOCKED_AFTER_MS) return null;
      if (returned === 0) {
        isOver = true;
        return {
          kind: "blocked",
          text: `Multicast is blocked here: nothing that was sent to ${way()} came back, and no other node was heard. A firewall may drop it, or the interface is the wrong one (--host). Name another node's address: --peers 2:ADDRESS`,
        };
      }
      if (passedMs < ALONE_AFTER_MS) return null;
      isOver = true;
      return {
        kind: "alone",
        text: `No other node heard yet on ${way()}. If one runs on another machine, the network between drops multicast, as many wireless networks do: name its address with --peers 2:ADDRESS`,
      };
    },
  };
}
