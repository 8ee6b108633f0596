/**
 * How long the promises about time may take, in milliseconds (L1 to L5 in node/PROTOCOL.md#promises). They follow from the timing that the nodes say they
 * have, or from the profile; groups above ten take longer, because news takes more rounds to reach everybody.
 */
import type { RunFacts } from "../journal/journal.ts";
import type { Story } from "../journal/story/story.ts";

export interface Bounds {
  /** After the last fault: all follow one coordinator. */
  readonly agreeMs: number;
  /** After the last fault: what was there by then is everywhere. */
  readonly ledgerMs: number;
  /** A process that ended is FAILED or LEFT at all others, if nothing else is wrong. */
  readonly detectMs: number;
  /** After its start: a node is READY. */
  readonly joinMs: number;
  /** After a disturbance: what it did may still lead to a FAILED. */
  readonly echoMs: number;
}

interface Timing {
  readonly heartbeatMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly electionTimeoutMs: number;
  readonly probeIntervalMs: number;
}

const TIMINGS: Readonly<Record<string, Timing>> = {
  default: { heartbeatMs: 2_000, heartbeatTimeoutMs: 10_000, electionTimeoutMs: 5_000, probeIntervalMs: 500 },
  fast: { heartbeatMs: 500, heartbeatTimeoutMs: 2_000, electionTimeoutMs: 1_000, probeIntervalMs: 100 },
  original: { heartbeatMs: 2_000, heartbeatTimeoutMs: 10_000, electionTimeoutMs: 5_000, probeIntervalMs: 5_000 },
};

/** How many times as long a group takes as one of ten: gossip takes a number of rounds that grows with the logarithm of the size. */
export function crowdOf(nodes: number): number {
  return Math.max(1, 1 + Math.log10(nodes / 10));
}

export function boundsOf(facts: RunFacts, story: Story): Bounds {
  const { heartbeatMs, heartbeatTimeoutMs, electionTimeoutMs, probeIntervalMs } = timingOf(facts, story);
  const crowd = crowdOf(story.lives.ofNode.size);
  // The longest suspicion, the longest wait for two answers before it, as of nodes that are slow themselves, and the rounds before that.
  const detectMs = (1.5 * heartbeatTimeoutMs + 10 * probeIntervalMs) * crowd;
  return {
    detectMs,
    // Noticed, and two rounds of an election in which the first candidate fails.
    agreeMs: detectMs + 2 * electionTimeoutMs,
    // Silent halves are called within a heartbeat, and a state transfer is asked for again within a second.
    ledgerMs: (8 * heartbeatMs + 1_000) * crowd,
    // JOIN is repeated after 8 s at the latest.
    joinMs: (4 * heartbeatMs + 10_000) * crowd,
    echoMs: (heartbeatTimeoutMs + 6 * heartbeatMs) * crowd,
  };
}

/** The slowest that any node says it has. */
function timingOf({ profile }: RunFacts, { lives }: Story): Timing {
  const told = lives.all.map((life) => life.boot?.timing).filter((timing) => isTiming(timing));
  const preset = (TIMINGS[profile] ?? TIMINGS.default) as Timing;
  if (told.length === 0) return preset;
  const slowest = (name: keyof Timing) => Math.max(...told.map((timing) => timing[name]));
  return {
    heartbeatMs: slowest("heartbeatMs"),
    heartbeatTimeoutMs: slowest("heartbeatTimeoutMs"),
    electionTimeoutMs: slowest("electionTimeoutMs"),
    probeIntervalMs: slowest("probeIntervalMs"),
  };
}

function isTiming(timing: unknown): timing is Timing {
  return typeof timing === "object" && timing !== null && "heartbeatMs" in timing;
}
