/**
 * The cost of one step of the core for each kind of input: five nodes that trade, in one process, without sockets, disks or codec.
 *
 * Every `step` of a living group is timed by itself and counted under its input: so the heartbeats carry real digests, the
 * confirmations are delivered, and the ledgers are as large as those of a node that has traded for a while. The code is bundled as the
 * peer's is, rules folded away. The clock's own reading is the floor that the same run prints.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { fixRules } from "../../build.mjs";
import { TIMING_FAST } from "../../node/core/kernel/timing.ts";
import type { CoreConfig, Effect, Input } from "../../node/core/kernel/types.ts";
import { KEEP_RECORDS } from "../../node/core/replication/compaction.ts";
import type { NodeState } from "../../node/core/state.ts";
import { DATAGRAM_BYTES_MAX, OVERHEAD_BYTES } from "../../node/wire/envelope.ts";
import type { Report } from "./report.ts";

type Core = Pick<typeof import("../../node/core/step.ts"), "create" | "step" | "nextDeadlineMs">;

export interface StepOptions {
  /** Virtual seconds of trading that are measured, after a fifth as much to warm up. */
  readonly seconds: number;
  /** Trades that are begun in each of them. */
  readonly tradesPerSecond: number;
}

const NODES = [1, 2, 3, 4, 5];
const GOAL = { of: "median", atMost: 5 } as const;
/** Rarer inputs tell nothing of the usual cost. */
const SAMPLES_MIN = 100;

export async function benchStep(report: Report, options: StepOptions): Promise<void> {
  report.heading(`one step of the core: ${NODES.length} nodes, ${options.tradesPerSecond} trades a second`);
  const group = new Group(await loadCore());
  group.run(2_000);
  group.trade(options.seconds / 5, options.tradesPerSecond);
  group.samples.clear();
  group.trade(options.seconds, options.tradesPerSecond);
  for (const [what, samples] of [...group.samples].sort(([a], [b]) => a.localeCompare(b)))
    if (samples.length >= SAMPLES_MIN) report.row({ what, unit: "us", samples, goal: GOAL });
  report.row({ what: "  floor: reading the clock", unit: "us", samples: clockReadings(), goal: null });
}

/** The core as the peer's bundle holds it. */
async function loadCore(): Promise<Core> {
  const directory = await mkdtemp(join(tmpdir(), "bench-step-"));
  const outfile = join(directory, "core.mjs");
  try {
    const entryPoints = [join(import.meta.dirname, "../../node/core/step.ts")];
    const plugins = [fixRules()];
    await build({ entryPoints, plugins, outfile, bundle: true, format: "esm", target: "node22", minifySyntax: true });
    return (await import(outfile)) as Core;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function clockReadings(): number[] {
  return Array.from({ length: 10_000 }, () => {
    const startMs = performance.now();
    return (performance.now() - startMs) * 1_000;
  });
}

/** Datagrams take a millisecond, commits two. */
class Group {
  readonly samples = new Map<string, number[]>();
  readonly #core: Core;
  readonly #nodes = new Map<number, NodeState>();
  readonly #due = new Map<number, (() => void)[]>();
  readonly #held = new Map<string, Effect[]>();
  #nowMs = 1_000;
  #orders = 0;

  constructor(core: Core) {
    this.#core = core;
    for (const id of NODES) {
      const self = { id, incarnation: 1, bootId: bootIdOf(id), address: addressOf(id) };
      this.#nodes.set(id, core.create(configOf(id), self, id));
    }
    for (const id of NODES) this.#feed(id, { type: "start" });
  }

  run(spanMs: number): void {
    for (const endMs = this.#nowMs + spanMs; this.#nowMs < endMs; this.#nowMs++) {
      for (const happen of this.#due.get(this.#nowMs) ?? []) happen();
      this.#due.delete(this.#nowMs);
      for (const [id, state] of this.#nodes)
        if ((this.#core.nextDeadlineMs(state) ?? Number.POSITIVE_INFINITY) <= this.#nowMs)
          this.#feed(id, { type: "tick" });
      if (this.#nowMs % 10 === 0) for (const id of NODES) this.#feed(id, { type: "tick" }, "a tick too early");
    }
  }

  /** Sells of one credit round the ring, so that nobody runs out of money. */
  trade(seconds: number, perSecond: number): void {
    for (let n = 0; n < seconds * perSecond; n++) {
      const from = NODES[n % NODES.length] as number;
      const peer = NODES[(n + 1) % NODES.length] as number;
      this.#orders += 1;
      const order = {
        op: "sell",
        requestId: `order-${this.#orders}`,
        peer,
        amount: 1,
        inc: null,
        until: "settled",
      } as const;
      this.#feed(from, { type: "command", command: order });
      this.run(1_000 / perSecond);
    }
  }

  #feed(id: number, input: Input, what = nameOf(input)): void {
    const state = this.#nodes.get(id) as NodeState;
    // What the shell brings of the store (recall.ts): none of these trades was made before.
    const complete = { ...input, recalled: null } as Input;
    const startMs = performance.now();
    const effects = this.#core.step(state, complete, this.#nowMs);
    const tookUs = (performance.now() - startMs) * 1_000;
    const samples = this.samples.get(what);
    if (samples === undefined) this.samples.set(what, [tookUs]);
    else samples.push(tookUs);
    for (const effect of effects) if (effect.type === "persist") this.#persist(id, effect.writeId);
    for (const effect of effects) this.#performOrHold(id, effect);
  }

  #persist(id: number, writeId: number): void {
    const key = `${id}/${writeId}`;
    this.#held.set(key, []);
    this.#after(2, () => {
      const effects = this.#held.get(key) ?? [];
      this.#held.delete(key);
      for (const effect of effects) this.#perform(id, effect);
      this.#feed(id, { type: "stored", writeId });
    });
  }

  #performOrHold(id: number, effect: Effect): void {
    const after = "afterWrite" in effect ? effect.afterWrite : undefined;
    const held = after === undefined ? undefined : this.#held.get(`${id}/${after}`);
    if (held === undefined) this.#perform(id, effect);
    else held.push(effect);
  }

  #perform(id: number, effect: Effect): void {
    if (effect.type === "reply" && !effect.result.ok) throw new Error(`node ${id}: ${effect.result.message}`);
    if (effect.type === "exit") throw new Error(`node ${id}: ${effect.reason}`);
    if (effect.type !== "unicast" && effect.type !== "multicast") return;
    const { message } = effect;
    const from = { sender: id, incarnation: 1, bootId: bootIdOf(id), address: addressOf(id) };
    for (const to of effect.type === "unicast" ? [effect.to] : NODES.filter((other) => other !== id))
      this.#after(1, () => this.#feed(to, { type: "message", message, from }));
  }

  #after(spanMs: number, happen: () => void): void {
    const atMs = this.#nowMs + spanMs;
    const others = this.#due.get(atMs);
    if (others === undefined) this.#due.set(atMs, [happen]);
    else others.push(happen);
  }
}

function nameOf(input: Input): string {
  if (input.type === "message") return `${input.message.message_type} received`;
  return input.type === "command" ? `order: ${input.command.op}` : input.type;
}

function configOf(id: number): CoreConfig {
  return {
    initialCredits: 1_000_000,
    voters: NODES,
    expected: NODES.filter((other) => other !== id),
    peers: new Map(),
    fanOut: false,
    preempt: true,
    durable: true,
    bodyBytesMax: DATAGRAM_BYTES_MAX - OVERHEAD_BYTES,
    keepRecords: KEEP_RECORDS,
    isDetailed: false,
    timing: TIMING_FAST,
  };
}

function bootIdOf(id: number): string {
  return id.toString(16).padStart(16, "b");
}

function addressOf(id: number): string {
  return `10.0.0.${id}:${6_000 + id}`;
}
