/**
 * The promises that must hold at every instant and that no journal shows (node/PROTOCOL.md#promises), checked from outside.
 *
 * These checks read a node's state after each step and every datagram as it leaves, and throw at the first contradiction: the failing
 * instant, not its echo. One file a family in lab/sim/checks; what a journal shows is judged by journal-watch.ts.
 */
import type { CommandResult } from "../../../node/core/kernel/types.ts";
import type { JournalEvent } from "../../../node/wire/journal.ts";
import type { Message } from "../../../node/wire/message.ts";
import type { DiskImage } from "../world/sim-disk.ts";
import type { SimNode } from "../world/sim-node.ts";
import { Books } from "./books.ts";
import { Bounds } from "./bounds.ts";
import { Datagrams } from "./datagrams.ts";
import { Detection } from "./detection.ts";
import { Disks } from "./disks.ts";
import { expectOneProcessAnId } from "./identity.ts";
import { type Excuses, Judge, type Property } from "./judge.ts";

export class Invariants {
  readonly detection: Detection;
  private readonly judge: Judge;
  readonly datagrams: Datagrams;
  private readonly books: Books;
  private readonly disks: Disks;
  private readonly bounds: Bounds;

  /** `blind`: properties that may break unseen. */
  constructor(blind: readonly Property[], excuses: Excuses) {
    const judge = new Judge(blind, excuses);
    this.judge = judge;
    this.books = new Books(judge);
    this.disks = new Disks(judge, this.books);
    this.bounds = new Bounds(judge);
    this.detection = new Detection(judge);
    this.datagrams = new Datagrams(judge);
  }

  onBoot(node: SimNode): void {
    this.books.onBoot(node);
    this.datagrams.onBoot(node);
  }

  onDown(node: SimNode): void {
    this.books.onDown(node);
  }

  /** The node is down, and its disk is about to be emptied, or replaced by the backup `image`. */
  onDiskLost(node: SimNode, image: DiskImage | null): void {
    this.books.onDiskLost(node, image);
  }

  /** A person gives up what absent nodes may have of that node's log. */
  onLossAccepted(id: number): void {
    this.books.onLossAccepted(id);
  }

  onStep(node: SimNode): void {
    const { state } = node;
    if (state === null) return;
    this.books.onStep(node, state);
    this.bounds.onStep(node, state);
  }

  onSend(node: SimNode, message: Message, to: number | null): void {
    this.disks.onSend(node, message, to);
    this.datagrams.onSend(to);
  }

  onSealed(datagram: Uint8Array, to: number | null): void {
    this.datagrams.onSealed(datagram, to);
  }

  onAccepted(node: SimNode, datagram: Uint8Array): void {
    this.datagrams.onAccepted(node, datagram);
  }

  onReply(node: SimNode, result: CommandResult): void {
    this.disks.onReply(node, result);
  }

  onJournal(node: SimNode, event: JournalEvent): void {
    this.detection.onJournal(node, event);
  }

  /** When all is healed and quiet. `running`: every process that runs. */
  checkOutcomes(running: readonly SimNode[]): void {
    expectOneProcessAnId(running, this.judge);
  }

  /** Trades executed anywhere and not forgotten by a crash. */
  get executed(): number {
    return this.books.executed;
  }

  /** Records delivered anywhere, over all replicas. */
  get deliveries(): number {
    return this.books.deliveries;
  }
}
