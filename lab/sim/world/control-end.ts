/**
 * The control channel's end in a simulated node: the runtime's own server, operations and fault injector, in virtual time.
 */

import type { Command, CommandResult } from "../../../node/core/kernel/types.ts";
import type { Archive } from "../../../node/core/ledger/recall.ts";
import type { NodeState } from "../../../node/core/state.ts";
import { createControlServer } from "../../../node/runtime/control-server.ts";
import { type ImpairmentSet, type ImpairmentShelf, openFaultDesk } from "../../../node/runtime/fault-desk.ts";
import { createImpairments } from "../../../node/runtime/impairments.ts";
import { createOperations, toControlResult } from "../../../node/runtime/operations.ts";
import type { ControlSeal } from "../../../node/wire/control-frame.ts";
import type { Authenticator, Header } from "../../../node/wire/envelope.ts";
import type { JournalEvent } from "../../../node/wire/journal.ts";

/** What all nodes of a lab have in common. */
export interface ControlLink {
  /** With the key of the lab's token. */
  readonly authenticator: Authenticator;
  readonly profile: string;
  /** Milliseconds since 1970 in the simulated world. */
  readonly wallMs: () => number;
  /** Takes a reply to the client at `address`. */
  readonly send: (datagram: Uint8Array, address: string) => void;
}

export interface ControlEndOptions {
  readonly link: ControlLink;
  readonly state: NodeState;
  /** Null: the node keeps nothing. */
  readonly archive: Archive | null;
  readonly seed: number;
  /** Keeps the faults over restarts, as the file of a real node does. */
  readonly shelf: ImpairmentShelf;
  readonly nowMs: () => number;
  readonly schedule: (run: () => void, delayMs: number) => void;
  readonly nextSeal: () => ControlSeal;
  /** A peer's datagram that got through the faults. */
  readonly deliver: (datagram: Uint8Array, address: string) => void;
  readonly command: (command: Command) => void;
  readonly leave: () => void;
  readonly journal: (event: JournalEvent) => void;
  /** What the faults swallow. */
  readonly onLost: (header: Header, reason: string) => void;
}

export interface ControlEnd {
  /** A request. */
  receive(datagram: Uint8Array, address: string): void;
  /** A peer's datagram, on its way through the faults. */
  receivePeer(datagram: Uint8Array, address: string): void;
  /** The core's answer to a command. */
  reply(requestId: string, final: boolean, result: CommandResult): void;
}

export function createControlEnd(options: ControlEndOptions): ControlEnd {
  const { link, state, nowMs, schedule } = options;
  const counters = new Map<string, number>();
  const count = (counter: string): void => void counters.set(counter, (counters.get(counter) ?? 0) + 1);
  const startedAtMs = nowMs();
  const impairments = createImpairments({
    deliver: options.deliver,
    count,
    onLost: options.onLost,
    seed: options.seed,
    wallNowMs: link.wallMs,
    nowMs,
    schedule,
  });
  const desk = openFaultDesk({
    impairments,
    shelf: options.shelf,
    note: (level, msg, fields = {}) => options.journal({ kind: "local", level, msg, ...fields }),
  });
  const server = createControlServer({
    authenticator: link.authenticator,
    isOpen: false,
    bootId: state.self.bootId,
    nextSeal: options.nextSeal,
    send: link.send,
    count,
    isLocal: () => true,
    execute: createOperations({
      state,
      archive: options.archive,
      command: options.command,
      impair: desk.onImpair,
      leave: () => schedule(options.leave, 0),
      facts: () => ({
        auth: "keyed",
        keys: [],
        profile: link.profile,
        uptimeMs: nowMs() - startedAtMs,
        counters,
        impairments: impairments.list(),
        impairGeneration: impairments.generation,
        // It shares its process with all the others.
        rssBytes: 0,
      }),
    }),
  });
  return {
    receive: server.receive,
    receivePeer: impairments.receive,
    reply: (requestId, final, result) => void server.reply(requestId, final, toControlResult(result)),
  };
}

/** A shelf in memory. */
export function createShelf(): ImpairmentShelf {
  let kept: ImpairmentSet = { generation: 0, rules: [] };
  return {
    load: () => ({ ok: true, set: kept }),
    save: (set) => {
      kept = set;
    },
  };
}
