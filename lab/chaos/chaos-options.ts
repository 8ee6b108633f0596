/**
 * The options of a chaos run, as the user gives them and as the planner takes them: checked, with defaults filled in. Pure.
 */

import type { NodeId } from "../../node/wire/ids.ts";
import { PROFILE_NAMES, type ProfileName } from "../../node/wire/profile.ts";
import { parseDuration } from "../base/duration.ts";
import { renderCommand } from "../base/hint.ts";
import { LabError } from "../base/lab-error.ts";
import { parseCount, parsePerSecond } from "../base/numbers.ts";
import { pickWords } from "../base/suggest.ts";
import { ACTIONS } from "../scenario/actions.ts";
import { parseSeed } from "../sim/swarm/choice.ts";
import { CHAOS_KINDS, type ChaosKind } from "./fault-schedule.ts";
import { type ChaosOptions, DEFAULT_KINDS, defaultMaxDown } from "./plan-chaos.ts";

/** As they stand on the command line; absent: the default. */
export interface ChaosFlags {
  readonly seed?: string;
  readonly for?: string;
  readonly nodes?: string;
  readonly profile?: ProfileName;
  readonly kinds?: string;
  readonly rate?: string;
  readonly maxDown?: string;
  readonly load?: string;
  readonly network?: string;
}

export interface ExistingLab {
  readonly ids: readonly NodeId[];
  readonly profile: string;
  /** The nodes of each host; empty: they are all on one. */
  readonly hosts?: readonly (readonly NodeId[])[];
}

const NODES_MAX = 100;
const SPAN_MS = 60_000;
/** So that seldom more than two faults overlap, and a minute holds all kinds. */
const EVENTS_PER_SECOND = 0.5;
const TRADES_PER_SECOND = 20;

/**
 * @param drawn the seed when none is given
 * @param existing the lab that is used; null: one is made
 * @throws LabError("usage") that names the option
 */
export function parseChaosFlags(flags: ChaosFlags, drawn: number, existing: ExistingLab | null = null): ChaosOptions {
  const count = existing?.ids.length ?? parseCount(flags.nodes ?? "5", "--nodes", 2, NODES_MAX);
  const profile = flags.profile ?? PROFILE_NAMES.find((name) => name === existing?.profile) ?? "fast";
  const kinds = readKinds(flags);
  const hosts = existing?.hosts ?? [];
  if (kinds.includes("host") && hosts.length < 2) {
    const message = "host among the --kinds: that takes a lab whose nodes are on several hosts";
    throw new LabError("usage", message, "start one first (up --runtime swarm), and name it: --on LAB");
  }
  const spanMs = flags.for === undefined ? SPAN_MS : parseDuration(flags.for, "--for");
  return {
    seed: flags.seed === undefined ? drawn : parseSeed(flags.seed, "--seed"),
    nodes: count,
    profile,
    spanMs: Math.max(100, Math.round(spanMs / 10) * 10),
    rate: flags.rate === undefined ? EVENTS_PER_SECOND : parsePerSecond(flags.rate, "--rate", 20),
    // Which id a new node gets is only sure where the ids are 1 to n.
    kinds: existing?.ids.some((id) => id > count) === true ? kinds.filter((kind) => kind !== "scale") : kinds,
    maxDown: flags.maxDown === undefined ? defaultMaxDown(count) : parseCount(flags.maxDown, "--max-down", 0, count),
    tradesPerSecond: flags.load === undefined ? TRADES_PER_SECOND : parsePerSecond(flags.load, "--load", 10_000, 0),
    ...(flags.network === undefined ? {} : { network: parseNetwork(flags.network) }),
    ...(kinds.includes("host") ? { hosts } : {}),
  };
}

/** Options that give the same schedule, as far as they aren't the defaults. */
export function chaosCommand(options: ChaosOptions): string {
  const { seed, nodes, profile, spanMs, rate, kinds, maxDown, tradesPerSecond, network } = options;
  const usual = readKinds(network === undefined ? {} : { network });
  const isDefaultKinds = kinds.length === usual.length && kinds.every((kind) => usual.includes(kind));
  return renderCommand({
    command: [
      ...["chaos", "--seed", `${seed}`, "--for", spanMs % 1_000 === 0 ? `${spanMs / 1_000}s` : `${spanMs}ms`],
      ...(nodes === 5 ? [] : ["--nodes", `${nodes}`]),
      ...(profile === "fast" ? [] : ["--profile", profile]),
      ...(isDefaultKinds ? [] : ["--kinds", kinds.join(",")]),
      ...(rate === EVENTS_PER_SECOND ? [] : ["--rate", `${rate}/s`]),
      ...(maxDown === defaultMaxDown(nodes) ? [] : ["--max-down", `${maxDown}`]),
      ...(tradesPerSecond === TRADES_PER_SECOND ? [] : ["--load", `${tradesPerSecond}/s`]),
      ...(network === undefined ? [] : ["--network", network]),
    ],
  });
}

/** Of `netem`, the last command about a link holds: one of the schedule would end what the network suffers all the time. */
function readKinds({ kinds: text, network }: ChaosFlags): readonly ChaosKind[] {
  const kinds = text === undefined ? DEFAULT_KINDS : pickWords(text, CHAOS_KINDS, "kind");
  if (network === undefined) return kinds;
  if (text !== undefined && kinds.includes("netem"))
    throw new LabError(
      "usage",
      "--network and netem among the --kinds: one would end the other",
      "leave one of them out",
    );
  return kinds.filter((kind) => kind !== "netem");
}

/** `delay 20ms jitter 20ms loss 5%`: for all links alike, from beginning to end. */
function parseNetwork(text: string): string {
  const parsed = ACTIONS.netem.safeParse(`all ${text}`);
  if (parsed.success && (["from", "to", "for", "both"] as const).every((name) => parsed.data[name] === undefined))
    return text.trim();
  throw new LabError(
    "usage",
    `--network: "${text}" can't be read`,
    'write for example --network "jitter 20ms loss 5%"',
  );
}
