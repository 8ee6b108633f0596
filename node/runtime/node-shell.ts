/**
 * The shell around the core: everything that a node does beside deciding. A real process (node.ts) and a simulated one
 * (lab/sim/world/sim-node.ts) host the same shell and differ only in the ports that they give it.
 *
 *   in:  socket -> faults -> envelope, codec -> driver -> core          (inbound.ts, driver.ts, machine.ts)
 *   out: core -> driver -> bundles, codec, seal -> pacing -> socket     (outgoing.ts, send-queue.ts)
 *
 * Control requests arrive on the same socket and take another way (control-server.ts, operations.ts).
 */
import { freezeThresholdMs } from "../core/kernel/timing.ts";
import type { CommandResult, Input, Origin } from "../core/kernel/types.ts";
import type { NodeState } from "../core/state.ts";
import { type Authenticator, isControlDatagram } from "../wire/envelope.ts";
import type { JournalEvent, JournalLevel } from "../wire/journal.ts";
import type { Message } from "../wire/message.ts";
import { createControlServer } from "./control-server.ts";
import { createDriver, type Driver, type Machine, type OuterEffect } from "./driver.ts";
import { messageOf } from "./errors.ts";
import { createFaultDesk, type FaultDesk, type ImpairmentShelf } from "./fault-desk.ts";
import type { Impairments } from "./impairments.ts";
import { createInbound, type InboundEvents } from "./inbound.ts";
import type { Accepted, Decode } from "./intake.ts";
import { createOperations, type HostFacts, type Operations, toControlResult } from "./operations.ts";
import { createOutgoing, type PeerKeys } from "./outgoing.ts";
import type { Clock, DatagramPort, Schedule, StorePort } from "./ports.ts";
import { createSendQueue } from "./send-queue.ts";
import type { Sent } from "./wire-lines.ts";

/** Events for the host, each at the instant at which it happens. */
export interface ShellEvents extends InboundEvents {
  readonly onJournal: (event: JournalEvent) => void;
  readonly onSent: (message: Message, sent: Sent) => void;
  readonly onOversize: (message: Message, bytes: number) => void;
  /** Something was not done; the node goes on. `kind` is the name of the counter. */
  readonly onTrouble: (kind: string, message: string) => void;
  /** `isAnswered`: the client of the control channel has it already. */
  readonly onReply: (requestId: string, final: boolean, result: CommandResult, isAnswered: boolean) => void;
  readonly onReady: () => void;
  /** The shell has ended, its store is closed, its last datagrams are with the socket. */
  readonly onExit: (code: number, reason: string) => void;
}

export interface ControlOptions {
  /** With the token's key (control-key.ts). */
  readonly authenticator: Authenticator;
  /** No token was given: only `isLocal` addresses are obeyed. */
  readonly isOpen: boolean;
  readonly isLocal: (address: string) => boolean;
}

export interface ShellOptions {
  readonly state: NodeState;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly store: StorePort;
  readonly socket: DatagramPort;
  readonly keyring: PeerKeys;
  readonly datagramBytesMax: number;
  /** Null: nobody can ask this node anything. */
  readonly control: ControlOptions | null;
  /** Keeps faults over a restart; null: they end with this process. */
  readonly shelf: ImpairmentShelf | null;
  /** Of the random draws of the faults. */
  readonly faultSeed: number;
  /** What only the host knows of itself. */
  readonly facts: () => HostFacts;
  /** See IntakeOptions. */
  readonly decode?: Decode;
  readonly events: ShellEvents;
}

export interface Shell {
  /** Puts the faults of the last run in force, listens, and begins. */
  start(): void;
  readonly feed: (input: Input) => void;
  readonly execute: Operations;
  /** Leaves the cluster, then exits; a second call exits at once. */
  readonly leave: () => void;
  /** Ends without a word, as SIGKILL does. */
  readonly stop: () => void;
}

/** A leave that takes longer is cut short: `docker stop` kills after ten seconds. */
const LEAVE_MS_MAX = 8_000;

export function createShell(options: ShellOptions): Shell {
  const { state, socket, events } = options;
  const counters = new Map<string, number>();
  const count: Count = (counter) => void counters.set(counter, (counters.get(counter) ?? 0) + 1);
  const note: Note = (level, msg, fields) => events.onJournal({ kind: "local", level, msg, ...fields });
  const outbound = createOutbound(options, count);
  const driver = createDriver({ ...options, perform, freezeMs: freezeThresholdMs(state.config.timing) });
  const ending = createEnding(options, driver, outbound.flush, note);
  const inbound = createInbound({ ...options, seed: options.faultSeed, count, onMessage, onDropped });
  const desk = createFaultDesk({ impairments: inbound, shelf: options.shelf, note });
  const execute = createExecute(options, { counters, inbound, desk, driver, leave: ending.leave });
  const control = createControl(options, { count, outbound, execute });
  return {
    start() {
      desk.restore();
      socket.listen(receive);
      driver.feed({ type: "start" });
    },
    feed: driver.feed,
    execute,
    leave: ending.leave,
    stop: ending.stop,
  };

  function receive(datagram: Uint8Array, address: string): void {
    if (isControlDatagram(datagram)) control?.receive(datagram, address);
    else inbound.receive(datagram, address);
  }

  function onMessage(accepted: Accepted): boolean {
    if (ending.isOver()) return false;
    events.onReceived(accepted);
    driver.feed({ type: "message", message: accepted.message, from: accepted.from });
    return true;
  }

  function onDropped(from: Origin, reason: "seen" | "far"): void {
    if (!ending.isOver()) driver.feed({ type: "dropped", from, reason });
  }

  function perform(effect: OuterEffect): void {
    switch (effect.type) {
      case "multicast":
        outbound.multicast(effect.message, effect.fanOut);
        break;
      case "unicast":
        outbound.unicast(effect.message, { id: effect.to, bootId: effect.bootId }, effect.address);
        break;
      case "journal":
        events.onJournal(effect.event);
        break;
      case "reply": {
        const { requestId, final, result } = effect;
        const isAnswered = control?.reply(requestId, final, toControlResult(result)) ?? false;
        events.onReply(requestId, final, result, isAnswered);
        break;
      }
      case "ready":
        events.onReady();
        break;
      case "exit":
        ending.finish(effect.code, effect.reason);
        break;
    }
  }
}

type Count = (counter: string) => void;
type Note = (level: JournalLevel, msg: string, fields?: Partial<JournalEvent>) => void;
type Outbound = ReturnType<typeof createOutbound>;

/** Bundles, then pacing: what leaves this node for its peers, and what answers control requests. */
function createOutbound(options: ShellOptions, count: Count) {
  const { state, events } = options;
  const queue = createSendQueue({
    ...options,
    onFull: () => {
      count("send_queue_full");
      events.onTrouble("send_queue_full", "Send queue is full");
    },
  });
  const outgoing = createOutgoing({
    ...options,
    self: () => state.self,
    socket: queue,
    onSent(message, sent) {
      // A datagram of several messages is counted with the first.
      if (sent.index === 0) count("datagrams_sent");
      events.onSent(message, sent);
    },
    onOversize(message, bytes) {
      count("unsent_oversize");
      events.onOversize(message, bytes);
    },
  });
  const flush = (): void => {
    outgoing.flush();
    queue.flush();
  };
  return { ...outgoing, flush, sendTo: queue.sendTo };
}

/** How this node ends: by the core's word, by a leave that takes too long, or as a process that is killed. */
function createEnding(options: ShellOptions, driver: Driver, flush: () => void, note: Note) {
  const { store, schedule, events } = options;
  let isLeaving = false;
  let isOver = false;

  const stop = (): void => {
    isOver = true;
    driver.stop();
  };
  const finish = (code: number, reason: string): void => {
    if (isOver) return;
    stop();
    if (reason !== "") note(code === 0 ? "info" : "error", reason, { exit: code });
    try {
      store.close();
    } catch (error) {
      note("error", `The ledger wasn't closed properly: ${messageOf(error)}`);
    }
    flush();
    events.onExit(code, reason);
  };
  const leave = (): void => {
    if (isLeaving) {
      finish(1, "stopped before the leave was done");
      return;
    }
    isLeaving = true;
    schedule.after(LEAVE_MS_MAX, () => finish(1, "nobody confirmed the leave in time"));
    driver.feed({ type: "stop" });
  };
  return { stop, finish, leave, isOver: () => isOver };
}

interface ExecuteParts {
  readonly counters: ReadonlyMap<string, number>;
  readonly inbound: Impairments;
  readonly desk: FaultDesk;
  readonly driver: Driver;
  readonly leave: () => void;
}

function createExecute(options: ShellOptions, parts: ExecuteParts): Operations {
  const { state, store, clock, schedule } = options;
  const { inbound, driver } = parts;
  const startedAtMs = clock.nowMs();
  return createOperations({
    state,
    archive: store.archive,
    command: (command) => driver.feed({ type: "command", command }),
    impair: parts.desk.onImpair,
    leave: () => schedule.atTurnEnd(parts.leave),
    facts: () => ({
      ...options.facts(),
      uptimeMs: Math.round(clock.nowMs() - startedAtMs),
      counters: parts.counters,
      impairments: inbound.list(),
      impairGeneration: inbound.generation,
    }),
  });
}

interface ControlParts {
  readonly count: Count;
  readonly outbound: Outbound;
  readonly execute: Operations;
}

function createControl({ state, control }: ShellOptions, { count, outbound, execute }: ControlParts) {
  if (control === null) return null;
  return createControlServer({
    ...control,
    bootId: state.self.bootId,
    nextSeal: outbound.nextSeal,
    send: outbound.sendTo,
    count,
    execute,
  });
}
