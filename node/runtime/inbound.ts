/**
 * The way of a datagram from a peer to the core: first past the faults that this node was told to suffer (impairments.ts), then past the checks of
 * the envelope and the codec (intake.ts).
 *
 * Pure: simulated nodes have the same.
 */
import { isAwaited } from "../core/membership/address-proof.ts";
import type { NodeState } from "../core/state.ts";
import type { Authenticator, Header } from "../wire/envelope.ts";
import { createImpairments, type Impairments } from "./impairments.ts";
import { type Accepted, createIntake, type Decode, type Drop, type IntakeOptions } from "./intake.ts";
import type { Clock, Schedule } from "./ports.ts";

/** The fate of arriving datagrams, for journals and checkers. */
export interface InboundEvents {
  /** The core has had the datagram's messages, and has admitted their sender. */
  readonly onAccepted?: (datagram: Uint8Array) => void;
  /** One message, just before the core sees it. */
  readonly onReceived: (accepted: Accepted) => void;
  readonly onDropped: (drop: Drop) => void;
  /** A fault swallowed the datagram; its header is not proven. Absent: nobody wants to know. */
  readonly onLost?: ((header: Header, reason: string) => void) | undefined;
}

export interface InboundOptions {
  readonly state: NodeState;
  readonly keyring: Authenticator;
  readonly datagramBytesMax: number;
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly seed: number;
  readonly count: (counter: string) => void;
  readonly events: InboundEvents;
  readonly decode?: Decode | undefined;
  /** False: the node has ended and takes no more. */
  readonly onMessage: (accepted: Accepted) => boolean;
  readonly onDropped: IntakeOptions["onDropped"];
}

export function createInbound(options: InboundOptions): Impairments {
  const { state, clock, schedule, count, events } = options;
  const { self, members } = state;
  const intake = createIntake({
    keyring: options.keyring,
    self,
    datagramBytesMax: options.datagramBytesMax,
    peerOf: (sender) => members.get(sender),
    isAwaited: (from, nonce) => isAwaited(state, from, nonce),
    onDropped: options.onDropped,
    onDrop: (drop) => {
      count(`drop_${drop.reason}`);
      events.onDropped(drop);
    },
    decode: options.decode,
    nowMs: clock.nowMs,
  });
  return createImpairments({
    deliver(datagram, from) {
      const messages = intake.accept(datagram, from);
      const [first] = messages;
      if (first === undefined) return;
      count("datagrams_received");
      for (const accepted of messages) if (!options.onMessage(accepted)) return;
      if (intake.settle(first)) events.onAccepted?.(datagram);
    },
    count,
    ...(events.onLost !== undefined && { onLost: events.onLost }),
    seed: options.seed,
    wallNowMs: clock.wallMs,
    nowMs: clock.nowMs,
    schedule: (run, delayMs, datagram) => void schedule.after(delayMs, run, datagram),
  });
}
