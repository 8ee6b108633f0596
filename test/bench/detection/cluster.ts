/**
 * A cluster in virtual time as the measurements see it: this project's nodes in the simulator, or the model of the original's, over the
 * same modelled network.
 */

import { haveEqualVectors } from "../../../lab/sim/cluster/inspect.ts";
import { SimCluster } from "../../../lab/sim/cluster/sim-cluster.ts";
import { Draw } from "../../../lab/sim/world/draw.ts";
import { EventQueue } from "../../../lab/sim/world/event-queue.ts";
import { type LinkModel, Network } from "../../../lab/sim/world/network.ts";
import { OriginalNode } from "../original/node.ts";

export type SystemName = "default" | "fast" | "original";

/** `by` held `of` for SUSPECTED or FAILED from this moment on. */
export interface Standing {
  readonly atMs: number;
  readonly by: number;
  readonly of: number;
  readonly state: "SUSPECTED" | "FAILED";
}

export interface Traffic {
  /** Datagrams that the node sent; a multicast is one. */
  sent: number;
  sentBytes: number;
}

export interface BenchCluster {
  readonly system: SystemName;
  readonly ids: readonly number[];
  readonly nowMs: number;
  /** A stream of random numbers for the schedule, apart from those of nodes and network. */
  readonly draw: Draw;
  readonly standings: readonly Standing[];
  readonly traffic: ReadonlyMap<number, Traffic>;
  /** Datagrams that arrived anywhere. */
  readonly received: number;
  /** Ascending. */
  runningIds(): number[];
  startAll(): void;
  /** One more node, the highest, from an empty disk. */
  join(): number;
  kill(id: number): void;
  partition(...groups: readonly (readonly number[])[]): void;
  heal(): void;
  shape(change: Partial<LinkModel>): void;
  /** All that run follow one of them, which says so of itself. */
  hasOneLeader(): boolean;
  /** And it is the highest of those that are ready. */
  isLedByHighest(): boolean;
  /** All that run hold the same books; the original has none. */
  hasEqualLedgers(): boolean;
  /** A trade of 1 credit is under way; null: refused. The answer tells whether both sides have it. */
  trade(type: "buy" | "sell", from: number, to: number): (() => boolean) | null;
  /** Credits that the owners of all accounts hold, less what was issued. */
  surplus(): number;
  runFor(spanMs: number): void;
  /** How long it took; Infinity: it didn't come true in time. */
  runUntil(condition: () => boolean, withinMs: number): number;
}

export interface ClusterOptions extends Partial<LinkModel> {
  readonly nodes: number;
  readonly seed: number;
  /** Original: copies of a TRADE_CONFIRM. */
  readonly confirmCopies?: number;
}

export function createCluster(system: SystemName, options: ClusterOptions): BenchCluster {
  return system === "original" ? new OriginalCluster(options) : new OurCluster(system, options);
}

/** The parts that both share: time, the network, and the counting. */
abstract class Counted {
  readonly standings: Standing[] = [];
  readonly traffic = new Map<number, Traffic>();
  readonly ids: number[];
  readonly draw: Draw;

  constructor({ nodes, seed }: ClusterOptions) {
    this.ids = Array.from({ length: nodes }, (_, i) => i + 1);
    this.draw = new Draw(seed, "bench");
  }

  protected countTraffic(network: Network): void {
    network.onSent = (from, bytes, datagrams) => {
      const node = this.traffic.get(from) ?? { sent: 0, sentBytes: 0 };
      node.sent += datagrams;
      node.sentBytes += datagrams * bytes;
      this.traffic.set(from, node);
    };
  }

  protected nextId(): number {
    const id = this.ids.length + 1;
    this.ids.push(id);
    return id;
  }
}

class OurCluster extends Counted implements BenchCluster {
  readonly system: "default" | "fast";
  private readonly sim: SimCluster;

  constructor(system: "default" | "fast", { confirmCopies: _, ...options }: ClusterOptions) {
    super(options);
    this.system = system;
    this.sim = new SimCluster({
      ...options,
      profile: system,
      onLine: ({ time, node, kind, peer, state }) => {
        if (kind !== "member" || (state !== "SUSPECTED" && state !== "FAILED") || typeof peer !== "number") return;
        this.standings.push({ atMs: time, by: node, of: peer, state });
      },
    });
    this.countTraffic(this.sim.network);
  }

  get nowMs(): number {
    return this.sim.nowMs;
  }

  get received(): number {
    return this.sim.network.delivered;
  }

  runningIds(): number[] {
    return this.sim.running().map(({ id }) => id);
  }

  startAll(): void {
    this.sim.startAll();
  }

  join(): number {
    const id = this.nextId();
    this.sim.add(id);
    this.sim.start(id);
    return id;
  }

  kill(id: number): void {
    this.sim.kill(id);
  }

  partition(...groups: readonly (readonly number[])[]): void {
    this.sim.partition(...groups);
  }

  heal(): void {
    this.sim.heal();
  }

  shape(change: Partial<LinkModel>): void {
    this.sim.shape(change);
  }

  hasOneLeader(): boolean {
    const claims = this.sim.running().map((node) => node.state?.election);
    const first = claims[0];
    if (first === undefined || first.coordinator === null) return false;
    const isShared = claims.every(
      (claim) =>
        claim?.coordinator === first.coordinator &&
        claim.claimTerm === first.claimTerm &&
        claim.elected === first.elected,
    );
    return isShared && this.sim.node(first.coordinator).state?.election.role === "COORDINATOR";
  }

  isLedByHighest(): boolean {
    return this.sim.agree();
  }

  hasEqualLedgers(): boolean {
    return haveEqualVectors(this.sim.running());
  }

  trade(type: "buy" | "sell", from: number, to: number): (() => boolean) | null {
    const command = type === "buy" ? this.sim.buy(from, to, 1) : this.sim.sell(from, to, 1);
    return command.final?.ok === false ? null : () => command.final?.ok === true;
  }

  surplus(): number {
    let surplus = 0;
    for (const { state } of this.sim.running()) {
      const account = state?.ledger.accounts.get(state.self.id);
      surplus += (account?.balance ?? 0) - (account?.genesis.initial ?? 0);
    }
    return surplus;
  }

  runFor(spanMs: number): void {
    this.sim.runFor(spanMs);
  }

  runUntil(condition: () => boolean, withinMs: number): number {
    const startMs = this.nowMs;
    const endMs = startMs + withinMs;
    while (!condition()) {
      if (this.sim.queue.runNext(endMs)) continue;
      return condition() ? this.nowMs - startMs : Number.POSITIVE_INFINITY;
    }
    return this.nowMs - startMs;
  }
}

class OriginalCluster extends Counted implements BenchCluster {
  readonly system = "original";
  private readonly queue = new EventQueue();
  private readonly network: Network;
  private readonly nodes = new Map<number, OriginalNode>();
  private readonly executed = new Map<string, number>();
  private readonly options: ClusterOptions;

  constructor(options: ClusterOptions) {
    super(options);
    this.options = options;
    const { nodes: _, seed, confirmCopies: __, ...link } = options;
    this.network = new Network(this.queue, new Draw(seed, "network"), link);
    this.countTraffic(this.network);
    for (const id of this.ids) this.add(id);
  }

  get nowMs(): number {
    return this.queue.nowMs;
  }

  get received(): number {
    return this.network.delivered;
  }

  runningIds(): number[] {
    return this.running().map(({ id }) => id);
  }

  /** The highest first, or a lower one would lead and stay; the others at random, or all heartbeats would come in one order. */
  startAll(): void {
    const highest = this.ids.length;
    for (const id of this.ids)
      this.queue.after(id === highest ? 0 : this.draw.between(100, 1_100), () => this.nodes.get(id)?.start());
  }

  join(): number {
    const id = this.nextId();
    this.add(id).start();
    return id;
  }

  kill(id: number): void {
    this.nodes.get(id)?.kill();
  }

  partition(...groups: readonly (readonly number[])[]): void {
    for (const group of groups)
      for (const other of groups)
        if (group !== other) for (const from of group) for (const to of other) this.network.cut(from, to);
  }

  heal(): void {
    this.network.heal();
  }

  shape(change: Partial<LinkModel>): void {
    this.network.shape(change);
  }

  hasOneLeader(): boolean {
    const running = this.running();
    const leader = running[0]?.coordinator ?? null;
    return running.some(({ id }) => id === leader) && running.every(({ coordinator }) => coordinator === leader);
  }

  isLedByHighest(): boolean {
    return this.hasOneLeader() && this.running()[0]?.coordinator === this.running().at(-1)?.id;
  }

  hasEqualLedgers(): boolean {
    return false;
  }

  trade(type: "buy" | "sell", from: number, to: number): (() => boolean) | null {
    const tradeId = this.nodes.get(from)?.propose(type, to, 1) ?? null;
    return tradeId === null ? null : () => this.executed.get(tradeId) === 2;
  }

  surplus(): number {
    return this.running().reduce((sum, { balance }) => sum + balance - 100, 0);
  }

  runFor(spanMs: number): void {
    const endMs = this.nowMs + spanMs;
    while (this.queue.runNext(endMs));
  }

  runUntil(condition: () => boolean, withinMs: number): number {
    const startMs = this.nowMs;
    while (!condition()) if (!this.queue.runNext(startMs + withinMs)) return Number.POSITIVE_INFINITY;
    return this.nowMs - startMs;
  }

  private running(): OriginalNode[] {
    return [...this.nodes.values()].filter((node) => node.isRunning);
  }

  private add(id: number): OriginalNode {
    const node = new OriginalNode(id, {
      queue: this.queue,
      network: this.network,
      draw: new Draw(this.options.seed, `process ${id}`),
      confirmCopies: this.options.confirmCopies ?? 1,
      onStanding: (by, of, state) => this.standings.push({ atMs: this.nowMs, by, of, state }),
      onExecuted: (tradeId) => this.executed.set(tradeId, (this.executed.get(tradeId) ?? 0) + 1),
    });
    this.nodes.set(id, node);
    return node;
  }
}
