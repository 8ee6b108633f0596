/**
 * Carries the nodes' events on their way into the journal, past the checkers, to the commands that wait for it.
 */
import type { CommandResult } from "../../../node/core/kernel/types.ts";
import { lineOfDrop, lineOfReceived, lineOfSent } from "../../../node/runtime/wire-lines.ts";
import type { JournalEvent } from "../../../node/wire/journal.ts";
import type { Message } from "../../../node/wire/message.ts";
import type { Invariants } from "../checks/invariants.ts";
import type { EventQueue } from "../world/event-queue.ts";
import type { SimJournal } from "../world/sim-journal.ts";
import type { NodeObserver, SimNode } from "../world/sim-node.ts";

/** A command under way: `final` is its last word. */
export interface SimCommand {
  readonly requestId: string;
  readonly node: number;
  readonly order: SimOrder;
  readonly results: CommandResult[];
  final: CommandResult | null;
}

export type SimOrder =
  | {
      readonly op: "sell" | "buy";
      readonly peer: number;
      readonly amount: number;
      readonly requestId?: string;
      readonly until?: "settled" | "accepted";
      readonly inc?: number;
    }
  | { readonly op: "election"; readonly requestId?: string }
  | { readonly op: "recover"; readonly acceptLoss: boolean; readonly requestId?: string };

interface Observed {
  readonly queue: EventQueue;
  readonly invariants: Invariants;
  readonly journal: SimJournal;
  readonly commands: readonly SimCommand[];
  readonly onSend: (node: SimNode, message: Message, to: number | null) => void;
}

export function observeCluster({ queue, invariants, journal, commands, onSend }: Observed): NodeObserver {
  const write = (node: SimNode, event: JournalEvent) =>
    journal.write(node.slot, node.incarnation, queue.nowMs, node.localNowMs(), event);
  /** Words are made only for those who read them. */
  const writeWire = (node: SimNode, describe: () => JournalEvent | null) => {
    const event = journal.isWired(node.slot) ? describe() : null;
    if (event !== null) write(node, event);
  };
  return {
    onBoot: (node) => invariants.onBoot(node),
    onStep: (node) => invariants.onStep(node),
    onSealed: (_node, datagram, to) => invariants.onSealed(datagram, to),
    onAccepted: (node, datagram) => invariants.onAccepted(node, datagram),
    onSend: (node, message, sent) => {
      const { to, bytes } = sent;
      invariants.onSend(node, message, to);
      journal.mixSent(node.slot, node.incarnation, queue.nowMs, to, message.message_type, bytes);
      writeWire(node, () => lineOfSent(message, sent, node));
      onSend(node, message, to);
    },
    onReceive: (node, accepted) => writeWire(node, () => lineOfReceived(accepted, node.slot)),
    onDrop: (node, drop) => writeWire(node, () => lineOfDrop(drop, node.slot)),
    onWire: (node, event) => writeWire(node, () => event),
    onReply: (node, requestId, final, result) => {
      invariants.onReply(node, result);
      const text = result.ok ? result.text : `${result.code}: ${result.message}`;
      // Nodes that tell details say so themselves.
      if (!node.config.isDetailed)
        write(node, { kind: "reply", level: "info", msg: `${requestId}: ${text}`, id: requestId });
      for (const command of commands) {
        if (command.requestId !== requestId || command.node !== node.slot) continue;
        command.results.push(result);
        if (final) command.final ??= result;
      }
    },
    onJournal: (node, event) => {
      write(node, event);
      invariants.onJournal(node, event);
    },
    onExit: (node) => invariants.onDown(node),
  };
}
