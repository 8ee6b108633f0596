/**
 * S3: what a client was told is true. A refused, expired or cancelled trade never happens, a settled one is never lost.
 */
import type { CommandResult } from "../../../node/core/kernel/types.ts";
import type { SimNode } from "../world/sim-node.ts";
import type { Books } from "./books.ts";
import type { Judge } from "./judge.ts";

export class Answers {
  private readonly refused = new Map<string, string>();
  private readonly reported = new Set<string>();
  private readonly judge: Judge;
  private readonly books: Books;

  constructor(judge: Judge, books: Books) {
    this.judge = judge;
    this.books = books;
  }

  onReply(node: SimNode, result: CommandResult): void {
    if (!result.ok) {
      if (!result.definite || result.tradeId === undefined) return;
      this.refused.set(result.tradeId, result.code);
      this.judge.require(
        this.books.executedAs(result.tradeId) === undefined,
        "S3",
        () => `node ${node.id} refuses ${result.tradeId} (${result.code}), which was executed`,
      );
      return;
    }
    const { trade_id: tradeId, state } = result.data as { trade_id?: string; state?: string };
    if (tradeId === undefined || (state !== "settled" && state !== "committed")) return;
    this.reported.add(tradeId);
    this.judge.require(
      this.books.executedAs(tradeId) !== undefined,
      "S3",
      () => `node ${node.id} reports ${tradeId} as ${state}, nobody executed it`,
    );
  }

  /** With a new disk a node may give names again that only it and nodes without memory of it knew (node/protocol/limits.md). */
  onDiskLost(node: SimNode): void {
    for (const tradeId of this.refused.keys()) if (tradeId.startsWith(`${node.id}-`)) this.refused.delete(tradeId);
  }

  /** At the end: what was reported is in the books, what was refused is not. */
  atEnd(): void {
    for (const tradeId of this.reported) {
      const isKept = this.books.executedAs(tradeId) !== undefined || this.books.isOrphan(tradeId);
      this.judge.require(isKept, "S3", () => `${tradeId} was reported and then lost`);
    }
    for (const [tradeId, code] of this.refused)
      this.judge.require(
        this.books.executedAs(tradeId) === undefined,
        "S3",
        () => `${tradeId} was refused (${code}) and then executed`,
      );
  }
}
