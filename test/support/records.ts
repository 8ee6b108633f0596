/** Debits of one payer, chained as its own node would have made them. */
import { recordHash } from "../../node/core/ledger/ledger.ts";
import type { Genesis, TradeRecord } from "../../node/wire/message.ts";
import { sha256Hex64 } from "../../node/wire/sha256.ts";

export class PayerLog {
  readonly records: TradeRecord[] = [];
  readonly #genesis: Genesis;

  constructor(genesis: Genesis, records: readonly TradeRecord[] = []) {
    this.#genesis = genesis;
    this.records.push(...records);
  }

  /** The next debit; `causes`: other entries of its vector. */
  pay(payee: number, amount: number, tradeId: string, causes: readonly [number, number][] = []): TradeRecord {
    const { id, epoch, nonce, initial } = this.#genesis;
    const last = this.records.at(-1);
    const prev_hash = last === undefined ? sha256Hex64(JSON.stringify([id, epoch, nonce, initial])) : recordHash(last);
    const seq = this.records.length + 1;
    const deps = new Map<number, number>([...causes, [id, seq]]);
    const record = { trade_id: tradeId, buyer_id: payee, seller_id: id, amount, seq, deps, prev_hash };
    this.records.push(record);
    return record;
  }

  fence(incarnation: number): TradeRecord {
    const { id } = this.#genesis;
    return this.pay(id, 0, `${id}-${id}-${incarnation}.0`);
  }

  /** The log as another life of its payer would go on after debit `at`. */
  after(at: number): PayerLog {
    return new PayerLog(this.#genesis, this.records.slice(0, at));
  }
}
