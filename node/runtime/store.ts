/**
 * What the driver needs of a store, and the store of a node without a data directory: memory only, durable for nobody.
 */

import type { Recovered, Row } from "../core/kernel/rows.ts";
import type { Archive } from "../core/ledger/recall.ts";

export interface StoreEvents {
  /** These writes are durable now, in the order in which they were asked for. */
  readonly onStored: (writeIds: readonly number[]) => void;
  /** These writes never will be. The store takes no more after that. */
  readonly onFailed: (writeIds: readonly number[], reason: string) => void;
}

export interface Store {
  /** This boot's incarnation: durable once `begin` has returned. */
  readonly incarnation: number;
  /** What was stored before this boot; null when there is no disk. */
  readonly recovered: Recovered | null;
  /** The first write: this boot. Until then a node that finds fault with `recovered` has changed nothing. Throws OperatorError. */
  begin(): void;
  /** Null: there is no disk, or `begin` has not returned. */
  readonly archive: Archive | null;
  /** Answers through the events, never before it returns. */
  persist(writeId: number, rows: readonly Row[]): void;
  /** Commits what waits and closes. */
  close(): void;
}

const EPOCH_MS = Date.UTC(2020, 0, 1);

/** Without a disk the wall clock is what makes the next incarnation greater: seconds since 2020 fit 32 bits until 2156. */
export function openMemoryStore(events: StoreEvents, wallNowMs = Date.now()): Store {
  return {
    incarnation: Math.max(1, Math.floor((wallNowMs - EPOCH_MS) / 1000)),
    recovered: null,
    begin: () => {},
    archive: null,
    persist: (writeId) => void setImmediate(() => events.onStored([writeId])),
    close: () => {},
  };
}
