/**
 * A node in virtual time: the shell of a real node (node/runtime/node-shell.ts) around the production core, with a modelled network, disk,
 * clock and event loop as its ports. What is added here is what happens to processes: they are started again, frozen, and killed
 * between any two things that they do.
 */

import type { Rules } from "../../../node/core/kernel/rules.ts";
import type { CommandResult, CoreConfig, Effect, Input } from "../../../node/core/kernel/types.ts";
import type { NodeState } from "../../../node/core/state.ts";
import { create } from "../../../node/core/step.ts";
import { clockIncarnation } from "../../../node/runtime/clock-incarnation.ts";
import type { Machine } from "../../../node/runtime/driver.ts";
import { createMemoryShelf } from "../../../node/runtime/fault-desk.ts";
import type { Accepted, Drop } from "../../../node/runtime/intake.ts";
import { createMachine } from "../../../node/runtime/machine.ts";
import { createShell, type Shell, type ShellEvents } from "../../../node/runtime/node-shell.ts";
import type { DatagramPort, Receive, StorePort } from "../../../node/runtime/ports.ts";
import { lineOfLost, type Sent } from "../../../node/runtime/wire-lines.ts";
import {
  type Authenticator,
  audienceOf,
  DATAGRAM_BYTES_MAX,
  type DropReason,
  isControlDatagram,
} from "../../../node/wire/envelope.ts";
import type { JournalEvent } from "../../../node/wire/journal.ts";
import type { Message } from "../../../node/wire/message.ts";
import { decodeOnce } from "./decode-once.ts";
import type { Draw } from "./draw.ts";
import type { EventQueue } from "./event-queue.ts";
import { type Network, slotOf } from "./network.ts";
import { SIM_KEYS } from "./seal.ts";
import type { SimStore } from "./sim-disk.ts";
import { type Load, SimProcess } from "./sim-process.ts";

/** Journal and checkers. Called synchronously, in the order in which things happen. */
export interface NodeObserver {
  onBoot(node: SimNode): void;
  /** The core has decided; nothing of it has been carried out yet. */
  onStep(node: SimNode, input: Input): void;
  /** May be called several times for one datagram. `to`: the slot that it is sent to; null: the group, and then slots of its members. */
  onSealed(node: SimNode, datagram: Uint8Array, to: number | null): void;
  onSend(node: SimNode, message: Message, sent: Sent): void;
  /** Past the envelope's checks, and its sender was admitted. */
  onAccepted(node: SimNode, datagram: Uint8Array): void;
  /** One of a datagram's messages, just before the core sees it. */
  onReceive(node: SimNode, accepted: Accepted): void;
  onDrop(node: SimNode, drop: Drop): void;
  /** A line that belongs to journal level `wire`. */
  onWire(node: SimNode, event: JournalEvent): void;
  onReply(node: SimNode, requestId: string, final: boolean, result: CommandResult): void;
  onJournal(node: SimNode, event: JournalEvent): void;
  /** The process has ended by itself or in the middle of its work. */
  onExit(node: SimNode): void;
}

/** The control channel, the same for all nodes of a lab. */
export interface ControlLink {
  /** With the key of the lab's token. */
  readonly authenticator: Authenticator;
  readonly profile: string;
  /** Milliseconds since 1970 in the simulated world. */
  readonly wallMs: () => number;
  /** Takes a reply to the client at `address`. */
  readonly send: (datagram: Uint8Array, address: string) => void;
}

/** Mistakes of a runtime around a sound core: what rules.ts is for the core. None of them exists in the real one. */
export interface ShellBugs {
  /** A send to a closed port gives a socket error, which ends the receive loop: the node speaks on and hears nothing. */
  readonly receiveLoopDies?: boolean;
  /** Each process starts with an empty disk, and nobody knows why. */
  readonly amnesia?: boolean;
  /** Once in a while a wake-up is lost, and no timer fires any more: the node answers, and does nothing by itself. */
  readonly timersDie?: boolean;
}

/** Behaviour that a simulation may ask of its processes and real ones don't have. */
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
  /** Gets the core's counters of each process at its end. */
  readonly tally: Map<string, number>;
  /** The process's clock runs up to this many millionths too fast or too slow. */
  readonly clockDriftPpm: number;
  /** Null: this node gets its orders by `feed` only. */
  readonly control: ControlLink | null;
  /** Timers fire up to this much late, as those of a real event loop do. */
  readonly tickLagMs: number;
  /** A turn of the event loop takes up to this long; what a node sends within one leaves at its end. */
  readonly turnMs: number;
}

/** Of the bug `timersDie`: for each timer that is set. */
const TIMER_DEATH = 0.002;

/** When a world without a calendar of its own begins: 2026-01-01, UTC. */
const WORLD_BEGINS_MS = 1_767_225_600_000;
/** The ordinary fates of authentic datagrams where nodes restart and the network doubles. */
const ORDINARY_DROPS: ReadonlySet<DropReason> = new Set([
  "own",
  "replay",
  "out_of_window",
  "misaddressed",
  "stale_incarnation",
]);

/** Everything that lives as long as one process. */
interface Life {
  readonly process: SimProcess;
  readonly state: NodeState;
  readonly shell: Shell;
}

/** To the sums in `tally`. */
export function addCounters(tally: Map<string, number>, counters: ReadonlyMap<string, number>): void {
  for (const [name, times] of counters) tally.set(name, (tally.get(name) ?? 0) + times);
}

export class SimNode {
  /** How the last process ended; null while it runs or after a kill. */
  exit: { readonly code: number; readonly reason: string } | null = null;
  /** When the last process ended; null: there was none. */
  downAtMs: number | null = null;
  readyAtMs: number | null = null;
  incarnation = 0;
  /** Processes so far. */
  private boots = 0;
  /** The settings of its next process. */
  config: CoreConfig;
  /** Milliseconds by which somebody has set its machine's clock forward. */
  clockErrorMs = 0;
  /** The process is killed when it has done this many more things: written, sent, answered. Null: it isn't. */
  fuse: number | null = null;
  /** What keeps its process behind, this one and the next; null: nothing. */
  load: Load | null = null;
  private life: Life | null = null;
  private receiver: Receive = () => {};
  private isDeaf = false;
  private readonly shelf = createMemoryShelf();
  readonly options: SimNodeOptions;

  constructor(options: SimNodeOptions) {
    this.options = options;
    this.config = options.config;
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

  /** Null: the node is down. */
  get state(): NodeState | null {
    return this.life?.state ?? null;
  }

  get status(): "down" | "running" | "frozen" {
    return this.life?.process.status === "frozen" ? "frozen" : this.life === null ? "down" : "running";
  }

  boot(): void {
    const { draw, store, rules, observer } = this.options;
    const { config } = this;
    this.exit = null;
    this.boots += 1;
    this.readyAtMs = null;
    this.fuse = null;
    this.isDeaf = false;
    if (this.options.shell.amnesia === true && this.incarnation > 0) store.wipe();
    const recovered = store.isEmpty || !config.durable ? undefined : store.recover();
    this.incarnation = config.durable ? store.nextIncarnation() : clockIncarnation(this.wallMs());
    const bootId = draw.hex64();
    const process = this.createProcess();
    const self = {
      id: this.id,
      incarnation: this.incarnation,
      bootId,
      address: this.options.network.addressOf(this.slot),
    };
    const state = create(config, self, draw.seed(), recovered, rules);
    const shell = this.createShell(process, state);
    this.life = { process, state, shell };
    observer.onBoot(this);
    shell.start();
  }

  /** SIGKILL, power cut: nothing more is sent, unconfirmed writes may be lost. */
  kill(): void {
    if (this.life === null) return;
    const { process, shell, state } = this.life;
    this.life = null;
    addCounters(this.options.tally, state.counters);
    this.downAtMs = this.options.queue.nowMs;
    process.end();
    shell.stop();
    this.options.network.detach(this.slot);
    this.store.crash();
  }

  freeze(): void {
    this.life?.process.freeze();
  }

  /** SIGCONT: everything that queued up comes in one burst. */
  resume(): void {
    this.life?.process.resume();
  }

  /** Gives the core an input now, or when the process goes on. */
  feed(input: Input): void {
    const { life } = this;
    life?.process.handle(() => life.shell.feed(input));
  }

  /** SIGTERM. */
  leave(): void {
    const { life } = this;
    life?.process.handle(() => life.shell.leave());
  }

  /** What the process's monotonic clock shows, in whole milliseconds as its journal has them. */
  localNowMs(): number {
    return Math.floor(this.life?.process.nowMs() ?? 0);
  }

  /** True time at which its clock will show `localMs`, about. It runs. */
  instantOf(localMs: number): number {
    return this.life?.process.instantOf(localMs) ?? localMs;
  }

  /** A control request, from a client at `address`. Nobody hears it in a process that is down. */
  receiveControl(datagram: Uint8Array, address: string): void {
    this.life?.process.receive("own", () => this.receiver(datagram, address));
  }

  /** Reading of its machine's clock, in milliseconds since 1970. */
  private wallMs(): number {
    const { control, queue } = this.options;
    return (control?.wallMs() ?? WORLD_BEGINS_MS + Math.round(queue.nowMs)) + this.clockErrorMs;
  }

  private createProcess(): SimProcess {
    const { queue, control, shell, process } = this.options;
    return new SimProcess({
      ...this.options,
      timersFirst: process.timersFirst ?? false,
      load: () => this.load,
      timerDeath: shell.timersDie === true ? TIMER_DEATH : 0,
      wallMs: control?.wallMs ?? (() => Math.round(queue.nowMs)),
    });
  }

  private createShell(process: SimProcess, state: NodeState): Shell {
    const { control, draw } = this.options;
    return createShell({
      state,
      machine: this.machineOf(state),
      clock: process,
      schedule: process,
      store: this.storePort(process),
      socket: this.socketOf(process),
      keyring: SIM_KEYS,
      datagramBytesMax: DATAGRAM_BYTES_MAX,
      control: control === null ? null : { ...control, isOpen: false, isLocal: () => true },
      shelf: this.shelf,
      faultSeed: draw.seed(),
      decode: decodeOnce,
      // It shares its process with all the others.
      facts: () => ({ auth: "keyed", keys: [], profile: control?.profile ?? "", rssBytes: 0, hostCounters: new Map() }),
      events: this.events(),
    });
  }

  private machineOf(state: NodeState): Machine {
    const { observer } = this.options;
    const machine = createMachine(state, { archive: this.archive }, (message) => {
      throw new Error(message);
    });
    return {
      nextDeadlineMs: machine.nextDeadlineMs,
      step: (input, nowMs) => {
        const effects = this.attempt(() => machine.step(input, nowMs));
        if (effects === null) return [];
        // The core may raise its own incarnation (JOIN refused as stale): what follows is sealed with the new one.
        this.incarnation = state.self.incarnation;
        observer.onStep(this, input);
        return effects;
      },
    };
  }

  /** Null: the process has died of it. */
  private attempt(step: () => readonly Effect[]): readonly Effect[] | null {
    try {
      return step();
    } catch (error) {
      if (this.options.process.diesOfExceptions !== true) throw error;
      this.die(1, error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  private get archive() {
    return this.config.durable ? this.store.archiveOf(this.id) : null;
  }

  private storePort(process: SimProcess): StorePort {
    return {
      archive: this.archive,
      persist: (_writeId, rows, done) => {
        if (this.isAlive()) this.store.write(rows, (failure) => process.handle(() => done(failure)));
      },
      close: () => this.store.close(),
    };
  }

  private socketOf(process: SimProcess): DatagramPort {
    const { network, observer, control, shell } = this.options;
    const send = (datagram: Uint8Array, to: string | null): void => {
      if (!this.isAlive()) return;
      if (to !== null && isControlDatagram(datagram)) {
        control?.send(datagram, to);
        return;
      }
      observer.onSealed(this, datagram, to === null ? null : slotOf(to));
      network.send(this.slot, datagram, { multicast: to === null, addresses: to === null ? [] : [to] });
      if (to !== null && shell.receiveLoopDies === true && network.isClosed([to])) this.isDeaf = true;
    };
    return {
      listen: (receive) => {
        this.receiver = receive;
        network.attach(this.slot, (datagram, from) =>
          process.receive(audienceOf(datagram) === "group" ? "group" : "own", () => {
            if (!this.isDeaf) receive(datagram, from);
          }),
        );
      },
      sendGroup: (datagram) => send(datagram, null),
      sendTo: send,
    };
  }

  private events(): ShellEvents {
    const { observer, queue } = this.options;
    return {
      onJournal: (event) => {
        if (this.isAlive()) observer.onJournal(this, event);
      },
      onReply: (requestId, final, result) => {
        if (this.isAlive()) observer.onReply(this, requestId, final, result);
      },
      onSent: (message, sent) => {
        if (this.life !== null) observer.onSend(this, message, sent);
      },
      onAccepted: (datagram) => {
        if (this.life !== null) observer.onAccepted(this, datagram);
      },
      onReceived: (accepted) => observer.onReceive(this, accepted),
      onDropped: (drop) => this.onDrop(drop),
      onLost: (header, reason) => observer.onWire(this, lineOfLost(header, reason, this.id)),
      onOversize: (message, bytes) => {
        throw new Error(`node ${this.id}: ${message.message_type} of ${bytes} B is larger than a datagram`);
      },
      onTrouble: (_kind, message) => {
        throw new Error(`node ${this.id}: ${message}`);
      },
      onReady: () => {
        this.readyAtMs ??= queue.nowMs;
      },
      onExit: (code, reason) => {
        this.kill();
        this.exit = { code, reason };
        observer.onExit(this);
      },
    };
  }

  /** What nodes send is authentic and well-formed: unless strangers send too, any other reason is a mistake of the model or of the codec. */
  private onDrop(drop: Drop): void {
    const { reason, detail, address, audience } = drop;
    this.options.observer.onDrop(this, drop);
    if (ORDINARY_DROPS.has(reason)) return;
    // For the last process of this node, and its hint says nothing.
    if (reason === "bad_tag" && audience === "process" && this.boots > 1) return;
    if (this.options.network.stranger.sent > 0) return;
    throw new Error(`node ${this.id} drops a datagram from ${address}: ${reason} ${detail}`);
  }

  /** Called before each thing that the process does: false when it is dead, or dies here because its fuse has burned down. */
  private isAlive(): boolean {
    if (this.life === null) return false;
    if (this.fuse === null) return true;
    this.fuse -= 1;
    if (this.fuse >= 0) return true;
    this.die(137, "killed in the middle of its work");
    return false;
  }

  /** The process ends without being able to say so: the line is the simulator's. */
  private die(code: number, reason: string): void {
    const { observer } = this.options;
    observer.onJournal(this, { kind: "state", level: "error", msg: `The process ends: ${reason}`, exit: code });
    this.kill();
    this.exit = { code, reason };
    observer.onExit(this);
  }
}
