/**
 * The store of a node: what a ledger on disk (ledger-store.ts) offers to the shell, and the store of a node without a data directory,
 * which forgets everything with its process.
 */
import type { Recovered } from "../core/kernel/rows.ts";
import { clockIncarnation } from "./clock-incarnation.ts";
import type { StorePort } from "./ports.ts";

export interface Store extends StorePort {
  /** This boot's incarnation: durable once `begin` has returned. */
  readonly incarnation: number;
  /** What was stored before this boot; null when there is no disk. */
  readonly recovered: Recovered | null;
  /** The first write: this boot. Until then a node that finds fault with `recovered` has changed nothing. Throws OperatorError. */
  begin(): void;
}

export function openMemoryStore(wallNowMs = Date.now()): Store {
  return {
    incarnation: clockIncarnation(wallNowMs),
    recovered: null,
    begin: () => {},
    archive: null,
    persist: (_writeId, _rows, done) => void setImmediate(() => done(null)),
    close: () => {},
  };
}
