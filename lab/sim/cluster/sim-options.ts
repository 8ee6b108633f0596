/**
 * The options of a simulated cluster, and the node configuration that the lab would derive from it.
 */

import { RULES, type Rules } from "../../../node/core/kernel/rules.ts";
import { TIMING_PROFILES } from "../../../node/core/kernel/timing.ts";
import type { CoreConfig, Timing } from "../../../node/core/kernel/types.ts";
import { KEEP_RECORDS } from "../../../node/core/replication/compaction.ts";
import { DATAGRAM_BYTES_MAX, OVERHEAD_BYTES } from "../../../node/wire/envelope.ts";
import type { ProfileName } from "../../../node/wire/profile.ts";
import type { Property } from "../checks/judge.ts";
import type { EventQueue } from "../world/event-queue.ts";
import { addressOf, LINK_LAN, type LinkModel } from "../world/network.ts";
import type { DiskModel } from "../world/sim-disk.ts";
import type { SimJournalLine } from "../world/sim-journal.ts";
import type { ControlLink, ProcessModel, ShellBugs } from "../world/sim-node.ts";

export interface SimOptions extends Partial<LinkModel> {
  /** How many, with ids 1 to this, or which ids. */
  readonly nodes: number | readonly number[];
  readonly seed: number;
  readonly profile?: ProfileName;
  readonly timing?: Partial<Timing>;
  /** Default: ids 1 to V, V the largest odd number up to min(nodes, 5), as the lab does. */
  readonly voters?: readonly number[];
  /** Default: all ids (`--nodes`). */
  readonly expected?: readonly number[];
  readonly preempt?: boolean;
  readonly initialCredits?: number;
  readonly durable?: boolean;
  /** False: no multicast between the nodes; they know each other by `--peers`. */
  readonly multicast?: boolean;
  /** Bytes of JSON that fit one datagram; default: what the envelope leaves of 1,200. */
  readonly bodyBytesMax?: number;
  readonly disk?: Partial<DiskModel>;
  /** Default: as the runtime. Few: logs are compacted even in a short run. */
  readonly keepRecords?: number;
  /** Timers fire up to this much late. Default: 0.5. */
  readonly tickLagMs?: number;
  /** What a node sends within up to this long leaves together. Default: 0, what it sends at one instant. */
  readonly turnMs?: number;
  /** Clocks of processes run up to this many millionths too fast or too slow. Default 100, as quartz does. */
  readonly clockDriftPpm?: number;
  /** Rules that are switched off (false) in all nodes; default: all hold. */
  readonly rules?: Partial<Rules>;
  readonly process?: Partial<ProcessModel>;
  /** Mistakes of the runtime in all nodes; default: none. */
  readonly shell?: ShellBugs;
  /** Properties that may break unseen: to see what follows from their loss. */
  readonly blind?: readonly Property[];
  /** Shared with other clusters; default: its own. */
  readonly queue?: EventQueue;
  /** Opens the control channel of all nodes. */
  readonly control?: ControlLink;
  /** Journal every delivery and reply, as nodes at DS_LOG_LEVEL=DEBUG do. Default: yes. */
  readonly isDetailed?: boolean;
  /** Journal every datagram (`--trace`). */
  readonly wire?: boolean;
  /** Make a fingerprint of lines and datagrams, which two runs of one seed must share. Default: no, it costs as much as all checks. */
  readonly fingerprint?: boolean;
  /** Called with every journal line as it is written. */
  readonly onLine?: (line: SimJournalLine) => void;
}

/** The voters that the lab declares: an odd number, so that a tie of halves can't happen. */
export function votersOf(ids: readonly number[]): number[] {
  const count = Math.min(ids.length, 5);
  return [...ids].sort((a, b) => a - b).slice(0, count % 2 === 1 ? count : count - 1);
}

export function configOf(options: SimOptions, ids: readonly number[]): CoreConfig {
  const multicast = options.multicast ?? true;
  return {
    initialCredits: options.initialCredits ?? 100,
    voters: options.voters ?? votersOf(ids),
    expected: options.expected ?? ids,
    peers: new Map(multicast ? [] : ids.map((id) => [id, addressOf(id)])),
    fanOut: !multicast,
    preempt: options.preempt ?? true,
    durable: options.durable ?? true,
    bodyBytesMax: options.bodyBytesMax ?? DATAGRAM_BYTES_MAX - OVERHEAD_BYTES,
    keepRecords: options.keepRecords ?? KEEP_RECORDS,
    isDetailed: options.isDetailed ?? true,
    timing: { ...TIMING_PROFILES[options.profile ?? "fast"], ...options.timing },
  };
}

export function rulesOf(options: SimOptions): Rules {
  return options.rules === undefined ? RULES : Object.freeze({ ...RULES, ...options.rules });
}

/** The part of the options that is about links. */
export function linkOf(options: SimOptions): Partial<LinkModel> {
  const names = Object.keys(LINK_LAN) as (keyof LinkModel)[];
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
}
