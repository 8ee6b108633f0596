/**
 * The core's configuration from a node's settings. Idea: a profile (core/kernel/timing.ts) gives all spans, single variables override single
 * values, and what depends on an overridden value follows it.
 *
 * Pure: the simulator's nodes are configured by the same variables.
 */

import { TIMING_PROFILES } from "../core/kernel/timing.ts";
import type { CoreConfig, Timing } from "../core/kernel/types.ts";
import { KEEP_RECORDS } from "../core/replication/compaction.ts";
import { DATAGRAM_BYTES_MAX, OVERHEAD_BYTES } from "../wire/envelope.ts";
import type { NodeId } from "../wire/ids.ts";
import type { Settings } from "./settings.ts";

export function coreConfigOf(
  settings: Settings,
  { id, portBase, durable }: { id: NodeId; portBase: number; durable: boolean },
): CoreConfig {
  const peers = new Map<NodeId, string>();
  for (const peer of settings.DS_PEERS ?? []) {
    if (peer.id !== id) peers.set(peer.id, `${peer.ip}:${peer.port ?? portBase + peer.id}`);
  }
  return {
    initialCredits: settings.DS_INITIAL_CREDITS ?? 100,
    voters: ascending(settings.DS_VOTERS ?? []),
    expected: ascending(settings.DS_NODES ?? []).filter((other) => other !== id),
    peers,
    fanOut: peers.size > 0,
    preempt: settings.DS_PREEMPT ?? true,
    durable,
    bodyBytesMax: (settings.DS_MAX_DATAGRAM ?? DATAGRAM_BYTES_MAX) - OVERHEAD_BYTES,
    isDetailed: settings.DS_LOG_LEVEL === "DEBUG",
    keepRecords: settings.DS_KEEP_RECORDS ?? KEEP_RECORDS,
    timing: timingOf(settings),
  };
}

function timingOf(settings: Settings): Timing {
  const preset = presetOf(settings);
  const heartbeatMs = millisOr(settings.DS_HEARTBEAT_INTERVAL, preset.heartbeatMs);
  const heartbeatTimeoutMs = millisOr(settings.DS_HEARTBEAT_TIMEOUT, preset.heartbeatTimeoutMs);
  const electionTimeoutMs = millisOr(settings.DS_ELECTION_TIMEOUT, preset.electionTimeoutMs);
  const probeIntervalMs = millisOr(settings.DS_PROBE_INTERVAL, preset.probeIntervalMs);
  const suspicionMult = settings.DS_SUSPICION_MULT ?? preset.suspicionMinMs / preset.probeIntervalMs;
  const retransmitCapMs = millisOr(settings.DS_MESSAGE_RETRY_DELAY, preset.retransmitCapMs);
  return {
    ...preset,
    heartbeatMs,
    heartbeatTimeoutMs,
    electionTimeoutMs,
    probeIntervalMs,
    probeTimeoutMinMs: Math.min(preset.probeTimeoutMinMs, probeIntervalMs),
    suspicionMinMs: Math.min(Math.round(suspicionMult * probeIntervalMs), heartbeatTimeoutMs),
    discoveryMs: millisOr(settings.DS_DISCOVERY, Math.min(preset.discoveryMs, heartbeatMs)),
    okWaitMinMs: Math.min(preset.okWaitMinMs, electionTimeoutMs),
    voteRoundMinMs: Math.min(preset.voteRoundMinMs, electionTimeoutMs),
    nakBackoffMs: settings.DS_NAK_BACKOFF_MS ?? preset.nakBackoffMs,
    retransmitCapMs,
    retransmitMaxMs: Math.min(preset.retransmitMaxMs, retransmitCapMs),
  };
}

/** In the profile `original` all of detection is made of the heartbeat's time-out, and an election of its own, so they follow. */
function presetOf({ DS_PROFILE: profile = "default", ...settings }: Settings): Timing {
  const preset = TIMING_PROFILES[profile];
  if (profile !== "original") return preset;
  const pace = millisOr(settings.DS_HEARTBEAT_TIMEOUT, preset.heartbeatTimeoutMs) / preset.heartbeatTimeoutMs;
  return {
    ...preset,
    probeIntervalMs: Math.round(preset.probeIntervalMs * pace),
    probeTimeoutMinMs: Math.round(preset.probeTimeoutMinMs * pace),
    suspicionMinMs: Math.round(preset.suspicionMinMs * pace),
    okWaitMinMs: millisOr(settings.DS_ELECTION_TIMEOUT, preset.okWaitMinMs),
  };
}

function millisOr(seconds: number | undefined, millis: number): number {
  return seconds === undefined ? millis : Math.round(seconds * 1000);
}

function ascending(ids: readonly NodeId[]): NodeId[] {
  return [...new Set(ids)].sort((a, b) => a - b);
}
