/**
 * The store of a node: what a ledger on disk (ledger-store.ts) offers to the shell, and the store of a node without a data directory,
 * which forgets everything with its process.
 */
import type { Recovered } from "../core/kernel/rows.ts";
import type { StorePort } from "./ports.ts";

export interface Store extends StorePort {
  /** This boot's incarnation: durable once `begin` has returned. */
  readonly incarnation: number;
  /** What was stored before this boot; null when there is no disk. */
  readonly recovered: Recovered | null;
  /** The first write: this boot. Until then a node that finds fault with `recovered` has changed nothing. Throws OperatorError. */
  begin(): void;
}

const EPOCH_MS = Date.UTC(2020, 0, 1);

/** Without a disk the wall clock is what makes the next incarnation greater: seconds since 2020 fit 32 bits until 2156. */
export function openMemoryStore(wallNowMs = Date.now()): Store {
  return {
    incarnation: Math.max(1, Math.floor((wallNowMs - EPOCH_MS) / 1000)),
    recovered: null,
    begin: () => {},
    archive: null,
    persist: (_writeId, _rows, done) => void setImmediate(() => done(null)),
    close: () => {},
  };
}
