/**
 * The node's own fault injector: what `tc netem` would do to arriving packets, for kernels without it and for local processes.
 *
 * Idea: faults act at the receiver, keyed by the source node that the header names, on multicast and unicast alike; the sender
 * notices nothing and third parties are untouched. Control datagrams never come here. The rules are desired state: the whole list
 * is replaced at once, a rule ends by itself at its `untilMs`, and the list survives a restart (impairment-file.ts).
 * Pure: the simulator's nodes have the same. Semantics follow netem(8): jitter is uniform and may reorder; `reorder` lets a share of the packets overtake the delayed ones.
 */
import { createRandom, drawUint32, type RandomState } from "../core/kernel/random.ts";
import type { Impairment, ImpairmentRule } from "../wire/control.ts";
import { type Header, peekHeader } from "../wire/envelope.ts";
import type { Held } from "./ports.ts";

export interface ImpairmentsOptions {
  /** Hands a packet on to the node. */
  readonly deliver: (datagram: Uint8Array, address: string) => void;
  readonly count: (counter: string) => void;
  /** A packet that goes no further, as its header (not yet proven) names it, and the counter that says why. */
  readonly onLost?: (header: Header, reason: string) => void;
  readonly seed: number;
  /** Wall clock in milliseconds. */
  readonly wallNowMs: () => number;
  /** Monotonic clock in milliseconds. */
  readonly nowMs: () => number;
  readonly schedule: (run: Held, delayMs: number, datagram: Uint8Array) => void;
}

export interface Impairments {
  /** A peer's datagram as it came from the socket: handed on now, later, twice or never. */
  receive(datagram: Uint8Array, address: string): void;
  /** Puts a list in force, whatever was before. */
  replace(generation: number, rules: readonly ImpairmentRule[]): void;
  readonly generation: number;
  /** Rules in force now, without those that have ended. */
  list(): readonly ImpairmentRule[];
}

const HELD_MAX = 20_000;
/** A rate limit queues at most this much traffic; what comes on top is dropped, as any router does. */
const RATE_QUEUE_MS = 2_000;
/** How long an undelayed packet is held back to be overtaken. */
const OVERTAKEN_MS = 15;

interface Injector {
  readonly options: ImpairmentsOptions;
  readonly random: RandomState;
  rules: readonly ImpairmentRule[];
  generation: number;
  /** Packets that wait for their delay to end. */
  held: number;
  /** When the link of (rule, source) is free again, for rates. */
  readonly freeAtMs: Map<string, number>;
}

export function createImpairments(options: ImpairmentsOptions): Impairments {
  const random = createRandom(options.seed);
  const injector: Injector = { options, random, rules: [], generation: 0, held: 0, freeAtMs: new Map() };
  return {
    get generation() {
      return injector.generation;
    },
    list() {
      injector.rules = rulesInForce(injector, injector.rules);
      return injector.rules;
    },
    replace(generation, rules) {
      injector.generation = generation;
      injector.rules = rulesInForce(injector, rules);
      injector.freeAtMs.clear();
    },
    receive: (datagram, address) => receive(injector, datagram, address),
  };
}

function rulesInForce({ options }: Injector, rules: readonly ImpairmentRule[]): readonly ImpairmentRule[] {
  return rules.filter((rule) => isInForce(options, rule));
}

function isInForce(options: ImpairmentsOptions, rule: ImpairmentRule): boolean {
  return rule.untilMs === null || rule.untilMs > options.wallNowMs();
}

function receive(injector: Injector, datagram: Uint8Array, address: string): void {
  const { options, rules, random } = injector;
  const source = rules.length === 0 ? null : (peekHeader(datagram)?.sender ?? null);
  if (source === null) {
    options.deliver(datagram, address);
    return;
  }
  let delayMs = 0;
  let copies = 1;
  for (const rule of rules) {
    if ((rule.source !== null && rule.source !== source) || !isInForce(options, rule)) continue;
    const fate = decideFate(rule.impairment, random);
    const waitMs = fate.lost === null ? waitForRate(injector, rule, source, datagram.length) : 0;
    const lost = waitMs === null ? "impaired_rate_dropped" : fate.lost;
    if (lost !== null) {
      lose(options, datagram, lost);
      return;
    }
    delayMs += fate.delayMs + (waitMs ?? 0);
    copies += fate.extraCopies;
    if (fate.extraCopies > 0) options.count("impaired_duplicated");
    if (fate.isReordered) options.count("impaired_reordered");
  }
  for (let copy = 0; copy < copies; copy++) deliverAfter(injector, delayMs, datagram, address);
}

/** How long the packet waits for its turn at the rule's rate; null: the queue is full. */
function waitForRate(injector: Injector, rule: ImpairmentRule, source: number, bytes: number): number | null {
  if (rule.impairment.rateBps === 0) return 0;
  const { options, freeAtMs } = injector;
  const name = `${rule.id}/${source}`;
  const now = options.nowMs();
  const startAtMs = Math.max(now, freeAtMs.get(name) ?? 0);
  if (startAtMs - now > RATE_QUEUE_MS) return null;
  const doneAtMs = startAtMs + (bytes * 8_000) / rule.impairment.rateBps;
  freeAtMs.set(name, doneAtMs);
  return doneAtMs - now;
}

function deliverAfter(injector: Injector, delayMs: number, datagram: Uint8Array, address: string): void {
  const { options } = injector;
  if (delayMs <= 0) {
    options.deliver(datagram, address);
    return;
  }
  if (injector.held >= HELD_MAX) {
    lose(options, datagram, "impaired_overflow");
    return;
  }
  injector.held += 1;
  options.count("impaired_delayed");
  const run: Held = (fate = "comes") => {
    if (fate !== "copied") injector.held -= 1;
    if (fate !== "lost") options.deliver(datagram, address);
  };
  options.schedule(run, delayMs, datagram);
}

function lose(options: ImpairmentsOptions, datagram: Uint8Array, reason: string): void {
  options.count(reason);
  const header = options.onLost === undefined ? null : peekHeader(datagram);
  if (header !== null) options.onLost?.(header, reason);
}

interface Fate {
  readonly lost: string | null;
  readonly delayMs: number;
  readonly extraCopies: number;
  readonly isReordered: boolean;
}

function decideFate(impairment: Impairment, random: RandomState): Fate {
  // Always five draws: which packets are lost doesn't depend on what else is switched on.
  const [loss, duplicate, reorder, jitter, gap] = [
    draw(random),
    draw(random),
    draw(random),
    draw(random),
    draw(random),
  ];
  const isReordered = reorder < impairment.reorder;
  const spreadMs = (2 * jitter - 1) * impairment.jitterMs;
  const regularMs = Math.max(0, impairment.delayMs + spreadMs);
  // With a delay, a reordered packet overtakes; without one, it is held back until others have overtaken it.
  const overtaking = impairment.delayMs > 0 ? 0 : 1 + gap * OVERTAKEN_MS;
  return {
    lost: impairment.cut ? "impaired_cut" : loss < impairment.loss ? "impaired_lost" : null,
    delayMs: isReordered ? overtaking : regularMs,
    extraCopies: duplicate < impairment.duplicate ? 1 : 0,
    isReordered,
  };
}

/** Uniform in [0, 1). */
function draw(random: RandomState): number {
  return drawUint32(random) / 0x1_0000_0000;
}
