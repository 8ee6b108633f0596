/**
 * S5: nothing leaves a node that its own disk could still forget.
 */
import type { CommandResult } from "../../../node/core/kernel/types.ts";
import type { Message } from "../../../node/wire/message.ts";
import type { SimNode } from "../world/sim-node.ts";
import type { Books } from "./books.ts";
import type { Judge } from "./judge.ts";

export class Disks {
  private readonly judge: Judge;
  private readonly books: Books;

  constructor(judge: Judge, books: Books) {
    this.judge = judge;
    this.books = books;
  }

  onSend(node: SimNode, message: Message, to: number | null): void {
    const { payload, message_type: type } = message;
    switch (type) {
      case "HEARTBEAT":
        this.requireRows(node, payload.digest, "advertises");
        return;
      case "JOIN":
        if (payload.account !== null) this.requireAccount(node, payload.account.id, payload.account.nonce);
        return;
      case "JOIN_RESPONSE":
        this.requireRows(node, payload.clock_state, "offers");
        if (payload.account !== null) this.requireAccount(node, payload.account.id, payload.account.nonce);
        return;
      case "STATE_CHUNK":
        for (const { seller_id, seq } of payload.records) this.requireRecord(node, seller_id, seq, "passes on");
        for (const { id, seq } of payload.snapshot?.parts ?? []) this.requireRecord(node, id, seq, "sums up");
        for (const { id, nonce } of payload.accounts) this.requireAccount(node, id, nonce);
        return;
      case "TRADE_REQUEST":
        // A request that waited for the end of its turn may leave when the trade is decided already.
        if (payload.trade_type === "buy" && node.config.durable)
          this.require(node.store.hasIntended(payload.trade_id), node, `asks for trade ${payload.trade_id}`);
        return;
      case "TRADE_RESPONSE":
        this.onAnswer(node, payload.trade_id, payload.accepted);
        return;
      case "TRADE_CONFIRM":
        this.requireRecord(node, payload.seller_id, payload.seq, "confirms");
        return;
      case "ACK":
        this.requireRecord(node, payload.origin, payload.seq, "acknowledges");
        return;
      case "ELECTION":
        if (payload.kind !== "vote") return;
        // A node that may not vote yet stands without its own vote, and may give that to another while its question waits for an address.
        this.require(
          node.store.term >= payload.term,
          node,
          `stands in term ${payload.term}`,
          `on its disk is ${node.store.term}`,
        );
        return;
      case "OK":
        if (payload.kind === "vote" && payload.granted) this.requireBallot(node, payload.round_term, to);
        return;
    }
  }

  /** An executed trade that a client hears of is on the disk of the node that confirms it; and what a disk still has is never refused (S3). */
  onReply(node: SimNode, result: CommandResult): void {
    if (!result.ok && result.definite && result.tradeId !== undefined) {
      const key = this.books.executedAs(result.tradeId);
      const why = () => `node ${node.id} refuses ${result.tradeId} (${result.code}), which was executed`;
      this.judge.require(key === undefined, "S3", why, Number(key?.split("/")[0]));
    }
    const data = result.ok ? (result.data as { trade_id?: string; state?: string }) : {};
    if (data.trade_id === undefined || (data.state !== "settled" && data.state !== "committed")) return;
    const key = this.books.executedAs(data.trade_id);
    if (key === undefined) return;
    const [origin, seq] = key.split("/").map(Number) as [number, number];
    this.requireRecord(node, origin, seq, `reports ${data.trade_id} as`);
  }

  /** An accepted buy is a debit of the node that answers. */
  private onAnswer(node: SimNode, tradeId: string, accepted: boolean): void {
    const [origin, seq] = (this.books.executedAs(tradeId) ?? "0/0").split("/").map(Number) as [number, number];
    if (accepted && origin === node.id) this.requireRecord(node, origin, seq, "grants");
  }

  private requireRows(node: SimNode, rows: ReadonlyMap<number, number>, verb: string): void {
    for (const [origin, seq] of rows) this.requireRecord(node, origin, seq, verb);
  }

  private requireRecord(node: SimNode, origin: number, seq: number, verb: string): void {
    const stored = node.store.durableSeq(origin);
    this.require(stored >= seq, node, `${verb} ${origin}/${seq}`, `on its disk is ${stored}`);
  }

  private requireAccount(node: SimNode, id: number, nonce: string): void {
    const stored = node.store.genesisOf(id)?.nonce;
    this.require(stored === nonce, node, `tells of account ${id}`, `on its disk is ${stored}`);
  }

  /** A vote that is told to anybody is on disk; a later term on disk means that the vote is merely late. */
  private requireBallot(node: SimNode, term: number, candidate: number | null): void {
    const { store } = node;
    const isStored = store.term > term || (store.term === term && store.votedFor === candidate);
    const stored = `on its disk is term ${store.term}, vote for ${store.votedFor}`;
    this.require(isStored, node, `tells of a vote for ${candidate} in term ${term}`, stored);
  }

  private require(condition: boolean, node: SimNode, does: string, instead = "which is not on its disk"): void {
    this.judge.require(condition, "S5", () => `node ${node.id} ${does} before it is on disk: ${instead}`, node.id);
  }
}
