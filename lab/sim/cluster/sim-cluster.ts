/**
 * A whole cluster in virtual time: what tests, swarms and (later) the lab's third engine drive.
 *
 *   const sim = new SimCluster({ nodes: 5, seed: 1, profile: "fast" });
 *   sim.startAll();
 *   sim.runUntil(() => sim.agree(), 1_000);
 *
 * Every step of every node is checked (invariants.ts); the first contradiction ends the run with the seed in the message.
 */
import type { CoreConfig, Origin } from "../../../node/core/kernel/types.ts";
import { nameMessage } from "../../../node/runtime/wire-lines.ts";
import { decodeBody } from "../../../node/wire/codec.ts";
import { peekBody, peekHeader } from "../../../node/wire/envelope.ts";
import type { Message } from "../../../node/wire/message.ts";
import type { LabAction } from "../../journal/lab-entry.ts";
import { Invariants } from "../checks/invariants.ts";
import { JournalWatch } from "../checks/journal-watch.ts";
import { Excuses, InvariantError, type Property } from "../checks/judge.ts";
import { describeCause, SimFailure } from "../checks/sim-failure.ts";
import { Draw } from "../world/draw.ts";
import { EventQueue } from "../world/event-queue.ts";
import { LINK_LAN, type LinkModel, Network } from "../world/network.ts";
import { DISK_SSD, type DiskFault, type DiskImage, type DiskModel, SimStore } from "../world/sim-disk.ts";
import { SimJournal } from "../world/sim-journal.ts";
import { addCounters, type NodeObserver, SimNode } from "../world/sim-node.ts";
import type { Load } from "../world/sim-process.ts";
import { impairmentOf, type Pair, pairsOf } from "./impairment.ts";
import { describeState, isAgreed, isConverged } from "./inspect.ts";
import { observeCluster, type SimCommand, type SimOrder } from "./observer.ts";
import { configOf, linkOf, rulesOf, type SimOptions } from "./sim-options.ts";
import { factsOf } from "./sim-run.ts";

export class SimCluster {
  readonly queue: EventQueue;
  readonly network: Network;
  readonly invariants: Invariants;
  readonly journal: SimJournal;
  readonly excuses = new Excuses();
  private readonly watch: JournalWatch;
  readonly ids: readonly number[];
  readonly config: CoreConfig;
  readonly seed: number;
  /** By slot: the id, or a made-up number for a second process with an id. */
  readonly nodes = new Map<number, SimNode>();
  readonly commands: SimCommand[] = [];
  /** Called for every datagram as it leaves; for tests that need the moment. */
  onSend: ((node: SimNode, message: Message, to: number | null) => void) | null = null;
  private readonly options: SimOptions;
  private readonly observer: NodeObserver;
  /** Names of the faults that are in force: cuts, and single links with a model of their own. */
  private readonly cuts: string[] = [];
  private readonly shaped: string[] = [];
  private readonly slowDisks = new Set<number>();
  /** The core's counters of all processes that have ended. */
  private readonly ended = new Map<string, number>();
  private cutCount = 0;
  /** Addresses that were changed. */
  moves = 0;

  constructor(options: SimOptions) {
    this.options = options;
    this.queue = options.queue ?? new EventQueue();
    this.seed = options.seed;
    this.invariants = new Invariants(options.blind ?? [], this.excuses);
    this.ids =
      typeof options.nodes === "number" ? Array.from({ length: options.nodes }, (_, i) => i + 1) : options.nodes;
    this.config = configOf(options, this.ids);
    this.watch = new JournalWatch(factsOf(this), options.blind ?? [], this.excuses);
    this.journal = new SimJournal({
      wire: options.wire ?? false,
      onLine: (line) => {
        this.watch.take(line);
        options.onLine?.(line);
      },
      fingerprint: options.fingerprint ?? false,
    });
    this.network = new Network(this.queue, new Draw(this.seed, "network"), linkOf(options));
    this.network.multicastWorks = options.multicast ?? true;
    this.observer = observeCluster({
      queue: this.queue,
      invariants: this.invariants,
      journal: this.journal,
      commands: this.commands,
      onSend: (node, message, to) => this.onSend?.(node, message, to),
    });
    if (options.wire === true) this.network.onLost = (from, to, datagram) => this.noteLoss(from, to, datagram);
    for (const id of this.ids) this.add(id);
  }

  /** A process that does not run yet, with an empty disk. `slot` differs from the id for a duplicate of that id. */
  add(id: number, slot = id, config: Partial<CoreConfig> = {}): SimNode {
    const store = new SimStore(this.queue, new Draw(this.seed, `disk ${slot}`), this.options.disk ?? {});
    const node = new SimNode({
      slot,
      id,
      config: { ...this.config, expected: this.config.expected.filter((other) => other !== id), ...config },
      rules: rulesOf(this.options),
      shell: this.options.shell ?? {},
      process: this.options.process ?? {},
      store,
      control: this.options.control ?? null,
      queue: this.queue,
      network: this.network,
      draw: new Draw(this.seed, `process ${slot}`),
      observer: this.observer,
      tally: this.ended,
      tickLagMs: this.options.tickLagMs ?? 0.5,
      turnMs: this.options.turnMs ?? 0,
      clockDriftPpm: this.options.clockDriftPpm ?? 100,
    });
    this.nodes.set(slot, node);
    return node;
  }

  /** The process and its disk are gone for ever. */
  remove(slot: number): void {
    this.kill(slot);
    this.nodes.delete(slot);
  }

  node(slot: number): SimNode {
    const node = this.nodes.get(slot);
    if (node === undefined) throw new RangeError(`no node ${slot} in this simulation`);
    return node;
  }

  get nowMs(): number {
    return this.queue.nowMs;
  }

  /** The core's counters, summed over all processes there ever were. */
  counters(): Map<string, number> {
    const sums = new Map(this.ended);
    for (const { state } of this.nodes.values()) addCounters(sums, state?.counters ?? new Map());
    return sums;
  }

  /** Every process that runs and is not frozen, by slot. */
  running(): SimNode[] {
    return [...this.nodes.values()].filter((node) => node.status === "running").sort((a, b) => a.slot - b.slot);
  }

  // Processes ---------------------------------------------------------------------------------------------------------------

  /** Starts every node that is down, each `staggerMs` after the one before. */
  startAll(staggerMs = 0, except: ReadonlySet<number> = new Set()): void {
    let waitMs = 0;
    for (const node of this.nodes.values()) {
      if (node.status !== "down" || except.has(node.slot)) continue;
      if (waitMs === 0) this.start(node.slot);
      else this.queue.after(waitMs, () => this.start(node.slot));
      waitMs += staggerMs;
    }
  }

  start(slot: number): void {
    const node = this.node(slot);
    if (node.status !== "down") return;
    // Its memory was its disk, however its last process ended.
    if (!node.config.durable && !node.store.isEmpty) this.wipe(slot);
    this.act({ action: "start", nodes: [slot] }, `start ${slot}`);
    this.guard(() => node.boot());
  }

  kill(slot: number): void {
    this.act({ action: "kill", nodes: [slot], signal: "SIGKILL" }, `kill ${slot}`);
    const node = this.node(slot);
    node.kill();
    this.invariants.onDown(node);
    // Its memory was its disk.
    if (!node.config.durable) this.wipe(slot);
  }

  restart(slot: number): void {
    this.kill(slot);
    this.start(slot);
  }

  freeze(slot: number): void {
    this.act({ action: "pause", nodes: [slot], untilMs: null }, `freeze ${slot}`);
    this.node(slot).freeze();
  }

  resume(slot: number): void {
    if (this.node(slot).status !== "frozen") return;
    this.act({ action: "resume", nodes: [slot] }, `resume ${slot}`);
    this.guard(() => this.node(slot).resume());
  }

  /** Graceful stop (SIGTERM): the node leaves and exits by itself. */
  stop(slot: number): void {
    this.act({ action: "stop", nodes: [slot] }, `stop ${slot}`);
    this.guard(() => this.node(slot).leave());
  }

  /** Kills the process in the middle of what it does: after `effects` more effects. */
  killAfterEffects(slot: number, effects: number): void {
    this.note(`kill ${slot} after ${effects} effects`);
    this.node(slot).fuse = effects;
  }

  /** The disk is replaced by an empty one, the process dies with it. */
  loseDisk(slot: number): void {
    this.kill(slot);
    if (this.node(slot).config.durable) this.wipe(slot);
  }

  /** The process is down already. */
  wipe(slot: number): void {
    this.act({ action: "wipe", nodes: [slot] }, `disk of ${slot} lost`);
    const node = this.node(slot);
    this.invariants.onDiskLost(node, null);
    node.store.wipe();
  }

  /** A backup of the disk as it is now. The process may run. */
  saveDisk(slot: number): DiskImage {
    this.note(`disk of ${slot} saved`);
    return this.node(slot).store.save();
  }

  /** A backup is put back, the process dies first: what the disk got since the backup is lost. */
  restoreDisk(slot: number, image: DiskImage): void {
    this.kill(slot);
    this.act({ action: "restore", nodes: [slot] }, `disk of ${slot} restored from a backup`);
    const node = this.node(slot);
    this.invariants.onDiskLost(node, image);
    node.store.restore(image);
  }

  /** Every write fails from now on. */
  failDisk(slot: number, fault: DiskFault): void {
    this.note(`disk of ${slot} ${fault}`);
    this.node(slot).store.fault = fault;
  }

  /** Every write takes so long from now on. */
  slowDisk(slot: number, model: Partial<DiskModel>): void {
    this.note(`disk of ${slot} slow ${JSON.stringify(model)}`);
    const { store } = this.node(slot);
    store.model = { ...store.model, ...model };
    this.slowDisks.add(slot);
  }

  repairDisk(slot: number): void {
    const { store } = this.node(slot);
    const wasSlow = this.slowDisks.delete(slot);
    if (store.fault === null && !wasSlow) return;
    this.note(`disk of ${slot} repaired`);
    store.fault = null;
    store.model = { ...DISK_SSD, ...this.options.disk };
    if (wasSlow) this.guard(() => store.close());
  }

  /** From now on the process has too little time, and its sockets overflow; null: no longer. */
  burden(slot: number, load: Load | null): void {
    if (this.node(slot).load === load) return;
    this.node(slot).load = load;
    const fault = `load ${slot}`;
    if (load === null) {
      this.act({ action: "heal", healed: [fault], plugged: [] }, `${slot} has time again`);
      return;
    }
    const others = [...this.nodes.keys()].filter((other) => other !== slot);
    const pairs = [...pairsOf([slot], others), ...pairsOf(others, [slot])];
    const impairment = { ...impairmentOf(LINK_LAN), delayMs: load.stepMs * load.bufferedMax };
    this.act({ action: "impair", fault, pairs, impairment, untilMs: null }, `load ${slot} ${JSON.stringify(load)}`);
  }

  /** The clock of the process's machine is set by so much; the process dies first. */
  setClock(slot: number, byMs: number): void {
    this.kill(slot);
    this.note(`clock of ${slot} set by ${byMs} ms`);
    this.node(slot).clockErrorMs += byMs;
  }

  // Network -----------------------------------------------------------------------------------------------------------------

  /** Cuts every link between different groups; slots in no group keep all their links. */
  partition(...groups: readonly (readonly number[])[]): void {
    const pairs = groups.flatMap((group) =>
      groups.filter((other) => other !== group).flatMap((other) => pairsOf(group, other)),
    );
    this.cut(pairs, `partition ${groups.map((group) => group.join(",")).join(" | ")}`);
  }

  isolate(slot: number): void {
    this.partition(
      [slot],
      [...this.nodes.keys()].filter((other) => other !== slot),
    );
  }

  /** `to` hears nothing from `from`; the other way still works. */
  cutOneWay(from: number, to: number): void {
    this.cut([{ from, to }], `cut ${from} -> ${to}`);
  }

  /** The slot gets an address that nobody had. */
  move(slot: number): void {
    const port = 6_001 + (this.moves++ % 999);
    this.note(`address of ${slot} is another`);
    this.network.move(slot, port);
  }

  /** A datagram that the network kept back arrives now. */
  inject(slot: number, message: Message, from: Origin): void {
    this.note(`a late ${message.message_type} of ${from.sender}.${from.incarnation} reaches ${slot}`);
    this.guard(() => this.node(slot).feed({ type: "message", message, from }));
  }

  heal(): void {
    this.act({ action: "heal", healed: this.cuts.splice(0), plugged: [] }, "heal");
    this.network.heal();
  }

  shape(change: Partial<LinkModel>): void {
    this.network.shape(change);
    // It replaces what single links had.
    if (this.shaped.length > 0)
      this.act({ action: "heal", healed: this.shaped.splice(0), plugged: [] }, "single links are as all");
    this.noteImpaired("all", pairsOf([...this.nodes.keys()]), this.network.base, `netem ${JSON.stringify(change)}`);
  }

  /** Changes one direction between two slots. */
  shapeLink(from: number, to: number, change: Partial<LinkModel>): void {
    this.network.shapeLink(from, to, change);
    const fault = `link ${from}>${to}`;
    this.shaped.push(fault);
    const model = this.network.modelOf(from, to);
    this.noteImpaired(fault, [{ from, to }], model, `netem ${from} -> ${to} ${JSON.stringify(change)}`);
  }

  // Commands ----------------------------------------------------------------------------------------------------------------

  command(slot: number, order: SimOrder): SimCommand {
    const requestId = order.requestId ?? `r${this.commands.length + 1}`;
    const command: SimCommand = { requestId, node: slot, order, results: [], final: null };
    this.commands.push(command);
    const input =
      order.op === "election"
        ? { op: order.op, requestId }
        : order.op === "recover"
          ? { op: order.op, requestId, acceptLoss: order.acceptLoss }
          : {
              op: order.op,
              requestId,
              peer: order.peer,
              amount: order.amount,
              inc: order.inc ?? null,
              until: order.until ?? "settled",
            };
    this.note(`node ${slot}: ${order.op}${"peer" in order ? ` ${order.peer} ${order.amount}` : ""}`, "local");
    if (order.op === "recover" && order.acceptLoss) this.invariants.onLossAccepted(slot);
    this.guard(() => this.node(slot).feed({ type: "command", command: input }));
    return command;
  }

  sell(slot: number, peer: number, amount: number): SimCommand {
    return this.command(slot, { op: "sell", peer, amount });
  }

  buy(slot: number, peer: number, amount: number): SimCommand {
    return this.command(slot, { op: "buy", peer, amount });
  }

  // Time --------------------------------------------------------------------------------------------------------------------

  runFor(spanMs: number): void {
    const limitMs = this.nowMs + spanMs;
    while (this.guard(() => this.queue.runNext(limitMs)));
  }

  /**
   * Runs until the condition holds and returns how long that took; throws when it doesn't within `withinMs`, which is then a breach
   * of `property`.
   */
  runUntil(condition: () => boolean, withinMs: number, what = "the condition", property?: Property): number {
    const startMs = this.nowMs;
    while (!condition()) {
      if (this.guard(() => this.queue.runNext(startMs + withinMs))) continue;
      if (condition()) break;
      const reason = `${what} did not come true within ${Math.round(withinMs)} ms`;
      this.fail(reason, property === undefined ? undefined : new InvariantError(property, reason));
    }
    return this.nowMs - startMs;
  }

  /** What can only be judged when all is quiet: answers that clients were given, processes that share an id. */
  checkOutcomes(): void {
    this.guard(() => this.invariants.checkOutcomes(this.running()));
  }

  /** What the whole journal shows: promises that take time are judged too, as far as the run went on for long enough. */
  judgeJournal(): void {
    this.act({ action: "check" }, "check");
    const breach = this.watch.finish();
    if (breach !== null) this.fail(breach.message, breach);
  }

  /** These promises may break from now on, since a premise of theirs is gone. */
  excuse(properties: readonly Property[], reason: string, accounts?: readonly number[]): void {
    this.excuses.give(properties, reason, accounts);
  }

  /** Ends the run as a breach of `property` unless the condition holds. */
  expect(condition: boolean, property: Property, reason: string): void {
    if (!condition && !this.excuses.covers(property, () => reason))
      this.fail(reason, new InvariantError(property, reason));
  }

  /** Ends the run with everything a person needs to look into it. */
  fail(reason: string, cause?: unknown): never {
    throw new SimFailure({
      seed: this.seed,
      atMs: this.nowMs,
      property: describeCause(cause),
      reason,
      states: [...this.nodes.values()].map(describeState),
      recent: this.journal.transcript(40),
      cause,
    });
  }

  // Conditions (node/protocol/words.md) -------------------------------------------------------------------------------------------

  /** Every running node (or those listed: one side of a partition) follows one coordinator, which is the right one. */
  agree(slots?: readonly number[]): boolean {
    return isAgreed(this.pick(slots), this.config.preempt);
  }

  /** `agree`, equal durable ledgers, nothing held back, nothing pending. */
  converged(slots?: readonly number[]): boolean {
    return isConverged(this.pick(slots), this.config.preempt);
  }

  private pick(slots: readonly number[] | undefined): SimNode[] {
    const running = this.running();
    return slots === undefined ? running : running.filter((node) => slots.includes(node.slot));
  }

  /** A line of the lab's own (node 0): a fault, or (`local`) an order to a node. */
  note(msg: string, kind: "fault" | "local" = "fault"): void {
    this.journal.write(0, 0, this.nowMs, this.nowMs, { kind, level: "info", msg });
  }

  /** What this world is, and what is wrong with its network from the beginning. */
  noteUp(): void {
    const nodes = [...this.nodes.keys()];
    const profile = this.options.profile ?? "fast";
    this.act({ action: "up", nodes, voters: this.config.voters, profile }, `up ${nodes.join(",")}`);
    this.noteImpaired("all", pairsOf(nodes), this.network.base, "netem of this world");
  }

  /** The same with its meaning for checkers of the journal. */
  act(action: LabAction, msg: string): void {
    this.journal.write(0, 0, this.nowMs, this.nowMs, { kind: "fault", level: "info", msg, ...action });
  }

  private cut(pairs: readonly Pair[], msg: string): void {
    const fault = `cut ${++this.cutCount}`;
    this.cuts.push(fault);
    this.act(
      { action: "impair", fault, pairs, impairment: { ...impairmentOf(LINK_LAN), cut: true }, untilMs: null },
      msg,
    );
    for (const { from, to } of pairs) this.network.cut(from, to);
  }

  private noteImpaired(fault: string, pairs: readonly Pair[], model: LinkModel, msg: string): void {
    this.act({ action: "impair", fault, pairs, impairment: impairmentOf(model), untilMs: null }, msg);
  }

  /** A datagram that didn't arrive, in the transcript of its sender. */
  private noteLoss(from: number, to: number, datagram: Uint8Array): void {
    const header = peekHeader(datagram);
    const node = this.nodes.get(from);
    if (node === undefined || header === null) return;
    for (const [index, decoded] of decodeBody(peekBody(datagram)).entries()) {
      if (!decoded.ok) continue;
      const type = decoded.message.message_type;
      const id = nameMessage(header, index);
      const event = { kind: "drop", level: "info", msg: `x> node ${to}  ${type} is lost`, type, id, from, to } as const;
      this.journal.write(from, node.incarnation, this.nowMs, node.localNowMs(), event);
    }
  }

  /** Anything thrown while the cluster runs (assertion, invariant) ends it with the seed in the message. */
  private guard<T>(run: () => T): T {
    try {
      const result = run();
      const { breach } = this.watch;
      if (breach !== null) throw breach;
      return result;
    } catch (error) {
      if (error instanceof SimFailure) throw error;
      return this.fail(error instanceof Error ? error.message : String(error), error);
    }
  }
}
