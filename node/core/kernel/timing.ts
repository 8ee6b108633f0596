/**
 * The timing presets, each value with its reason. Pure constants: the runtime lets `DS_*` override single values, the
 * simulator runs the same numbers in virtual time.
 *
 * Idea (memberlist's DefaultLANConfig and DefaultLocalConfig): a preset is chosen once, by name; nobody tunes sixteen numbers.
 * `default` keeps every value that the original project documented; `fast` is for labs and tests on one machine;
 * `original` also waits as the original did, so that its trade-offs can be seen.
 */
import type { ProfileName } from "../../wire/profile.ts";
import type { Timing } from "./types.ts";

export const TIMING_DEFAULT: Timing = {
  // The original's DS_HEARTBEAT_INTERVAL. Carries credits and digest; detection is the probes' work, so it may be slow.
  heartbeatMs: 2_000,
  // The original's DS_HEARTBEAT_TIMEOUT: nobody stays merely suspected for longer.
  heartbeatTimeoutMs: 10_000,
  // The original's DS_ELECTION_TIMEOUT: caps every wait of an election, however slow the network was measured.
  electionTimeoutMs: 5_000,
  // First suspicion comes about 1.6 probe periods after a crash (SWIM): 0.8 s, in place of five missed heartbeats.
  probeIntervalMs: 500,
  // A healthy peer on a LAN answers in 1 ms; 100 ms is one long garbage collection or a busy container's time slice.
  probeTimeoutMinMs: 100,
  // 3 probe periods to refute: a peer that is reachable through anybody gets about six datagrams' worth of chances.
  suspicionMinMs: 1_500,
  // One heartbeat interval: every live node has spoken once.
  discoveryMs: 2_000,
  // A live higher peer answers within one long scheduling delay; waiting longer only delays a fail-over.
  okWaitMinMs: 150,
  // Lower ids let the next higher one win first; one rank is several round trips of a LAN.
  rankDelayMs: 60,
  // A vote is one round trip and one commit (about 10 ms); a round that is too short only costs another term.
  voteRoundMinMs: 150,
  // Aeron's default: long enough for a late packet to arrive and for one NAK to serve many receivers.
  nakBackoffMs: 10,
  // Somebody says that it has later debits of ours: time for the record, which proves it, to come.
  ownLogDoubtMs: 5_000,
  // The initiator's patience for a trade that was not committed; then the reserve is released.
  offerTimeoutMs: 10_000,
  // First retransmission: clamp(4 * round trip, min, max), then *1.4 up to the cap. Below 10 ms a slow commit looks like a loss;
  // above 100 ms a lost datagram would be visible to a person.
  retransmitMinMs: 10,
  retransmitMaxMs: 100,
  // A peer that has been silent for minutes gets one datagram every 2 s, and is served 2 s after its return at the latest.
  retransmitCapMs: 2_000,
};

export const TIMING_FAST: Timing = {
  // Twice a second: `heal` is noticed and digests are compared within half a second.
  heartbeatMs: 500,
  heartbeatTimeoutMs: 2_000,
  electionTimeoutMs: 1_000,
  // Fail-over below 0.6 s in the median: half a period until the probe, two probe timeouts, the suspicion, 20 ms of election.
  probeIntervalMs: 100,
  // All nodes share one machine: 50 ms is a long time slice there, and an answer that is later still refutes the suspicion.
  probeTimeoutMinMs: 50,
  suspicionMinMs: 300,
  // Nodes of one lab start within a few hundred milliseconds of each other; expected ids end the wait earlier.
  discoveryMs: 300,
  okWaitMinMs: 100,
  rankDelayMs: 60,
  voteRoundMinMs: 150,
  nakBackoffMs: 10,
  ownLogDoubtMs: 1_000,
  // Trades have nothing to do with detection: a person's patience is the same in a lab.
  offerTimeoutMs: 10_000,
  retransmitMinMs: 10,
  retransmitMaxMs: 100,
  // Equal ledgers within 3 s of a heal need a retransmission well within it.
  retransmitCapMs: 1_000,
};

export const TIMING_ORIGINAL: Timing = {
  ...TIMING_DEFAULT,
  // The original waits for one time-out of silence before it suspects, and for another one before FAILED: 10 to 20 s. A probe every
  // half time-out, with two waits of a quarter each, suspects after a half to a whole one.
  probeIntervalMs: 5_000,
  probeTimeoutMinMs: 2_500,
  suspicionMinMs: 10_000,
  // It waits its whole election time-out for an OK, however near the others are.
  okWaitMinMs: 5_000,
};

export const TIMING_PROFILES: Readonly<Record<ProfileName, Timing>> = {
  default: TIMING_DEFAULT,
  fast: TIMING_FAST,
  original: TIMING_ORIGINAL,
};

/** A process that didn't run for longer than this must hear of it before anything else (`resumed`): its silence was its own. */
export function freezeThresholdMs(timing: Timing): number {
  return Math.max(250, timing.suspicionMinMs / 2);
}
