/**
 * One process: the production core between a modelled network, disk, clock and scheduler.
 *
 * It does what the runtime's driver does (effects in order, `afterWrite` held until the write is durable, one tick when the next
 * deadline comes) and what happens to real processes: they are killed between any two effects, frozen, and started again.
 */

import type { Rules } from "../../../node/core/kernel/rules.ts";
import { freezeThresholdMs } from "../../../node/core/kernel/timing.ts";
import type { CommandResult, CoreConfig, Effect, Input } from "../../../node/core/kernel/types.ts";
import { withRecalled } from "../../../node/core/ledger/recall.ts";
import type { NodeState } from "../../../node/core/state.ts";
import { create, nextDeadlineMs, step } from "../../../node/core/step.ts";
import { type Accepted, createIntake, type Drop, type Intake } from "../../../node/runtime/intake.ts";
import { lineOfLost, type Sent } from "../../../node/runtime/wire-lines.ts";
import { encodeMessage } from "../../../node/wire/codec.ts";
import { DATAGRAM_BYTES_MAX, sealDatagram } from "../../../node/wire/envelope.ts";
import type { JournalEvent } from "../../../node/wire/journal.ts";
import type { Message } from "../../../node/wire/message.ts";
import { type ControlEnd, type ControlLink, createControlEnd, createShelf } from "./control-end.ts";
import type { Draw } from "./draw.ts";
import { type EventQueue, type ScheduledEvent, TIME_STEP_MS } from "./event-queue.ts";
import { LocalClock } from "./local-clock.ts";
import type { Network } from "./network.ts";
import { addressOf } from "./network.ts";
import { SIM_AUTHENTICATOR } from "./seal.ts";
import type { SimStore } from "./sim-disk.ts";

/** Who watches: the journal and the checkers. Called synchronously, in the order in which things happen. */
export interface NodeObserver {
  onBoot(node: SimNode): void;
  onStep(node: SimNode, input: Input): void;
  onSealed(node: SimNode, datagram: Uint8Array): void;
  onSend(node: SimNode, message: Message, sent: Sent): void;
  /** Past the envelope's checks, before the core sees it. */
  onAccepted(node: SimNode, datagram: Uint8Array): void;
  /** One of a datagram's messages, just before the core sees it. */
  onReceive(node: SimNode, accepted: Accepted): void;
  onDrop(node: SimNode, drop: Drop): void;
  /** A line that belongs to journal level `wire`. */
  onWire(node: SimNode, event: JournalEvent): void;
  onReply(node: SimNode, requestId: string, final: boolean, result: CommandResult): void;
  onJournal(node: SimNode, event: JournalEvent): void;
  onExit(node: SimNode, code: number, reason: string): void;
}

/** Mistakes of a runtime around a sound core: what rules.ts is for the core. None of them exists in the real one. */
export interface ShellBugs {
  /** Who sends to a closed port gets a socket error, and its receive loop ends with it: it speaks on and hears nothing. */
  readonly receiveLoopDies?: boolean;
  /** Each process starts with an empty disk, and nobody knows why. */
  readonly amnesia?: boolean;
  /** Once in a while a wake-up is lost, and no timer fires any more: it answers, and does nothing by itself. */
  readonly timersDie?: boolean;
}

/** What a simulation may ask of its processes beyond what the real ones do. */
export interface ProcessModel {
  /** An exception in the core ends the process, as in reality, and not the run. */
  readonly diesOfExceptions: boolean;
  /** After a freeze, timers are served before the datagrams that have queued up, as Node's event loop does. */
  readonly timersFirst: boolean;
}

export interface SimNodeOptions {
  /** Position in the network; the id, unless two processes claim one id. */
  readonly slot: number;
  readonly id: number;
  readonly config: CoreConfig;
  readonly rules: Rules;
  readonly shell: ShellBugs;
  readonly process: Partial<ProcessModel>;
  readonly store: SimStore;
  readonly queue: EventQueue;
  readonly network: Network;
  readonly draw: Draw;
  readonly observer: NodeObserver;
  /** The process's clock runs up to this many millionths too fast or too slow. */
  readonly clockDriftPpm: number;
  /** Null: nobody asks this node but by `feed`. */
  readonly control: ControlLink | null;
  /** Ticks come up to this much late, as timers of a real event loop do. */
  readonly tickLagMs: number;
}

/** Of the bug `timersDie`: for each wake-up. */
const WAKE_UP_LOST = 0.002;

type Status = "down" | "running" | "frozen";

/** What queues up in a frozen process: a socket buffer of 4 MB holds about this many datagrams. */
const FROZEN_INPUTS_MAX = 8_192;

export class SimNode {
  status: Status = "down";
  state: NodeState | null = null;
  /** How the last process ended; null while it runs or after a kill. */
  exit: { readonly code: number; readonly reason: string } | null = null;
  /** When the last process ended; null: there was none. */
  downAtMs: number | null = null;
  readyAtMs: number | null = null;
  incarnation = 0;
  /** Kill the process in the middle of an effect list: after this many more effects. Null: not armed. */
  fuse: number | null = null;
  private bootId = "";
  private intake: Intake | null = null;
  private controlEnd: ControlEnd | null = null;
  private readonly shelf = createShelf();
  private packetSeq = 0;
  private clock = new LocalClock(0, 0, 0);
  private frozenAtMs = 0;
  private readonly backlog: (() => void)[] = [];
  private isDeaf = false;
  private isTimeless = false;
  private readonly held = new Map<number, Effect[]>();
  private readonly unwritten = new Set<number>();
  private wakeUp: ScheduledEvent | null = null;
  private armedForMs: number | null = null;

  readonly options: SimNodeOptions;

  constructor(options: SimNodeOptions) {
    this.options = options;
  }

  get slot(): number {
    return this.options.slot;
  }

  get id(): number {
    return this.options.id;
  }

  get store(): SimStore {
    return this.options.store;
  }

  boot(): void {
    const { queue, draw, store, network, config, rules } = this.options;
    this.status = "running";
    this.exit = null;
    this.readyAtMs = null;
    this.fuse = null;
    this.packetSeq = 0;
    this.isDeaf = false;
    this.isTimeless = false;
    if (this.options.shell.amnesia === true && this.incarnation > 0) store.wipe();
    const recovered = store.isEmpty || !config.durable ? undefined : store.recover();
    this.incarnation = store.nextIncarnation();
    this.bootId = draw.hex64();
    // Monotonic clocks of different machines have nothing in common.
    const driftPpm = draw.integer(-this.options.clockDriftPpm, this.options.clockDriftPpm);
    this.clock = new LocalClock(queue.nowMs, draw.integer(0, 1_000_000), driftPpm);
    const self = { id: this.id, incarnation: this.incarnation, bootId: this.bootId, address: addressOf(this.slot) };
    this.state = create(config, self, draw.seed(), recovered, rules);
    this.intake = createIntake({
      keyring: SIM_AUTHENTICATOR,
      self,
      datagramBytesMax: DATAGRAM_BYTES_MAX,
      knownIncarnation: (sender) => this.state?.members.get(sender)?.incarnation ?? 0,
      onDrop: (drop) => this.onDrop(drop),
      nowMs: () => this.localNowMs(),
    });
    this.controlEnd = this.options.control === null ? null : this.openControl(this.options.control, this.state);
    network.attach(this.slot, (datagram, from) => this.arrive(datagram, from));
    this.options.observer.onBoot(this);
    this.feed({ type: "start" });
  }

  /** SIGKILL, power cut: nothing more is sent, unconfirmed writes may be lost. */
  kill(): void {
    if (this.status === "down") return;
    this.status = "down";
    this.downAtMs = this.options.queue.nowMs;
    this.options.network.detach(this.slot);
    if (this.wakeUp !== null) this.options.queue.cancel(this.wakeUp);
    this.wakeUp = null;
    this.state = null;
    // What its faults still hold back comes to nobody.
    this.intake = null;
    this.controlEnd = null;
    this.backlog.length = 0;
    this.held.clear();
    this.unwritten.clear();
    this.store.crash();
  }

  freeze(): void {
    if (this.status !== "running") return;
    this.status = "frozen";
    this.frozenAtMs = this.options.queue.nowMs;
    if (this.wakeUp !== null) this.options.queue.cancel(this.wakeUp);
    this.wakeUp = null;
  }

  /** SIGCONT: the core is told how long it slept, then everything that queued up comes in one burst. */
  resume(): void {
    if (this.status !== "frozen") return;
    this.status = "running";
    const burst = this.backlog.splice(0);
    const frozenMs = this.clock.measure(this.options.queue.nowMs - this.frozenAtMs);
    // A shorter one goes unnoticed, as in the runtime's driver; timers are late all the same.
    if (frozenMs > freezeThresholdMs(this.options.config.timing)) this.feed({ type: "resumed", frozenMs });
    if (this.options.process.timersFirst === true && !this.isTimeless) this.feed({ type: "tick" });
    this.arm();
    for (const happen of burst) happen();
  }

  /** Gives the core an input now, or queues it while the process is frozen. */
  feed(input: Input): void {
    if (this.status === "frozen") this.backlog.push(() => this.feed(input));
    if (this.status !== "running" || this.state === null) return;
    const recalled = withRecalled(this.state, input, this.store.archiveOf(this.id).recall);
    const effects = this.step(this.state, recalled);
    if (effects === null) return;
    // The core may raise its own incarnation (JOIN refused as stale): what follows is sealed with the new one.
    this.incarnation = this.state.self.incarnation;
    // Writes first: an effect may wait for a write that the same step asks for.
    for (const effect of effects) if (effect.type === "persist") this.persist(effect);
    for (const effect of effects) if (effect.type !== "persist") this.performOrHold(effect);
    if (this.state === null) return;
    this.options.observer.onStep(this, input);
    this.arm();
  }

  /** Null: the process is dead of it. */
  private step(state: NodeState, input: Input): readonly Effect[] | null {
    try {
      return step(state, input, this.localNowMs());
    } catch (error) {
      if (this.options.process.diesOfExceptions !== true) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      this.exit = { code: 1, reason };
      this.kill();
      this.options.observer.onExit(this, 1, reason);
      return null;
    }
  }

  /** The core's clock: whole milliseconds since an arbitrary instant. */
  localNowMs(): number {
    return this.clock.read(this.options.queue.nowMs);
  }

  /** A control request, from a client at `address`. Nobody hears it in a process that is down. */
  receiveControl(datagram: Uint8Array, address: string): void {
    if (this.status === "frozen") this.holdBack(() => this.receiveControl(datagram, address));
    else this.controlEnd?.receive(datagram, address);
  }

  private openControl(link: ControlLink, state: NodeState): ControlEnd {
    const { draw, queue, observer } = this.options;
    const boot = this.bootId;
    return createControlEnd({
      archive: this.options.config.durable ? this.store.archiveOf(this.id) : null,
      link,
      state,
      seed: draw.seed(),
      shelf: this.shelf,
      nowMs: () => this.localNowMs(),
      schedule: (run, delayMs) =>
        void queue.after(delayMs, () => {
          if (this.bootId === boot) run();
        }),
      nextSeal: () => ({ sender: this.id, incarnation: this.incarnation, bootId: boot, packetSeq: ++this.packetSeq }),
      deliver: (datagram, from) => this.receive(datagram, from),
      command: (command) => this.feed({ type: "command", command }),
      leave: () => this.feed({ type: "stop" }),
      journal: (event) => observer.onJournal(this, event),
      onLost: (header, reason) => observer.onWire(this, lineOfLost(header, reason, this.id)),
    });
  }

  /** A peer's datagram, before the faults that the node was told to suffer. */
  private arrive(datagram: Uint8Array, from: string): void {
    if (this.status === "frozen") this.holdBack(() => this.arrive(datagram, from));
    else if (this.controlEnd === null) this.receive(datagram, from);
    else this.controlEnd.receivePeer(datagram, from);
  }

  /** In the socket's buffer, as long as there is room. */
  private holdBack(happen: () => void): void {
    if (this.backlog.length < FROZEN_INPUTS_MAX) this.backlog.push(happen);
  }

  private receive(datagram: Uint8Array, from: string): void {
    if (this.isDeaf) return;
    if (this.status === "frozen") {
      this.holdBack(() => this.receive(datagram, from));
      return;
    }
    const accepted = this.intake?.accept(datagram, from) ?? [];
    if (accepted.length > 0) this.options.observer.onAccepted(this, datagram);
    for (const one of accepted) {
      // The core may end its process at any of them.
      if (this.status === "running") this.options.observer.onReceive(this, one);
      this.feed({ type: "message", message: one.message, from: one.from });
    }
  }

  /** What nodes send is authentic and well-formed: unless strangers send too, any other reason is a mistake of the model or of the codec. */
  private onDrop(drop: Drop): void {
    const { reason, detail, address } = drop;
    this.options.observer.onDrop(this, drop);
    if (reason === "own" || reason === "replay" || reason === "stale_incarnation") return;
    if (this.options.network.isHostile) return;
    throw new Error(`node ${this.id} drops a datagram from ${address}: ${reason} ${detail}`);
  }

  private persist(effect: Extract<Effect, { type: "persist" }>): void {
    const { writeId, rows } = effect;
    this.unwritten.add(writeId);
    const boot = this.bootId;
    this.store.write(writeId, rows, (failure) => {
      if (this.bootId === boot && this.status !== "down") this.onWritten(writeId, failure);
    });
  }

  private onWritten(writeId: number, failure: string | null): void {
    if (this.status === "frozen") {
      this.backlog.push(() => this.onWritten(writeId, failure));
      return;
    }
    const effects = this.held.get(writeId) ?? [];
    this.unwritten.delete(writeId);
    this.held.delete(writeId);
    if (failure === null) for (const effect of effects) this.perform(effect);
    this.feed(failure === null ? { type: "stored", writeId } : { type: "storeFailed", writeId, reason: failure });
  }

  private performOrHold(effect: Effect): void {
    const writeId = "afterWrite" in effect ? effect.afterWrite : undefined;
    if (writeId === undefined || !this.unwritten.has(writeId)) this.perform(effect);
    else this.held.set(writeId, [...(this.held.get(writeId) ?? []), effect]);
  }

  private perform(effect: Effect): void {
    if (this.state === null || this.isBlown()) return;
    switch (effect.type) {
      case "multicast":
        this.send(effect.message, null, { multicast: true, addresses: effect.fanOut });
        return;
      case "unicast":
        this.send(effect.message, effect.to, { multicast: false, addresses: [effect.address] });
        return;
      case "reply":
        this.options.observer.onReply(this, effect.requestId, effect.final, effect.result);
        this.controlEnd?.reply(effect.requestId, effect.final, effect.result);
        return;
      case "journal":
        this.options.observer.onJournal(this, effect.event);
        return;
      case "ready":
        this.readyAtMs ??= this.options.queue.nowMs;
        return;
      case "exit":
        this.kill();
        this.exit = { code: effect.code, reason: effect.reason };
        this.options.observer.onExit(this, effect.code, effect.reason);
        return;
      case "persist":
        throw new Error("a write can't wait for a write");
    }
  }

  private send(message: Message, to: number | null, route: { multicast: boolean; addresses: readonly string[] }): void {
    const { network, observer, queue } = this.options;
    this.packetSeq += 1;
    const header = {
      control: false,
      keyId: 1,
      sender: this.id,
      incarnation: this.incarnation,
      bootId: this.bootId,
      packetSeq: this.packetSeq,
    };
    const stamped = { ...message, timestamp: Math.round(queue.nowMs) };
    const datagram = sealDatagram(header, encodeMessage(stamped), SIM_AUTHENTICATOR);
    if (datagram.length > DATAGRAM_BYTES_MAX) {
      throw new Error(`node ${this.id}: ${message.message_type} of ${datagram.length} B is larger than a datagram`);
    }
    observer.onSealed(this, datagram);
    observer.onSend(this, stamped, { packetSeq: this.packetSeq, index: 0, bytes: datagram.length, to });
    network.send(this.slot, datagram, route);
    if (!route.multicast && this.options.shell.receiveLoopDies === true && network.isClosed(route.addresses))
      this.isDeaf = true;
  }

  /** True when the fuse burned down: the process is dead from here on. */
  private isBlown(): boolean {
    if (this.fuse === null) return false;
    this.fuse -= 1;
    if (this.fuse >= 0) return false;
    this.kill();
    this.options.observer.onExit(this, 137, "killed between two effects");
    return true;
  }

  private arm(): void {
    if (this.status !== "running" || this.state === null || this.isTimeless) return;
    if (this.options.shell.timersDie === true) this.isTimeless = this.options.draw.chance(WAKE_UP_LOST);
    const deadlineMs = nextDeadlineMs(this.state);
    if (deadlineMs === this.armedForMs && this.wakeUp !== null) return;
    if (this.wakeUp !== null) this.options.queue.cancel(this.wakeUp);
    this.wakeUp = null;
    this.armedForMs = deadlineMs;
    if (deadlineMs === null) return;
    const lagMs = TIME_STEP_MS + this.options.draw.between(0, this.options.tickLagMs);
    const atMs = Math.max(this.clock.instantOf(deadlineMs), this.options.queue.nowMs) + lagMs;
    this.wakeUp = this.options.queue.at(atMs, () => {
      this.wakeUp = null;
      this.feed({ type: "tick" });
    });
  }
}
