/**
 * Remembers the answer to each control request by its id, so that a repeated request is answered and not executed again.
 *
 * Bounded by entries and by characters, least recently used first; requests in progress stay. Trades are recognised beyond these
 * bounds and across restarts by the core, from the ledger.
 */

import type { ControlResult } from "../wire/control.ts";
import { cutPages } from "../wire/control-frame.ts";

const ENTRIES_MAX = 1_000;
const CHARACTERS_MAX = 2_000_000;
const IN_PROGRESS_MAX = 500;

export interface CachedReply {
  /** The request's own text: an id names one request for ever. */
  readonly fingerprint: string;
  /** Where the answer goes: the address that asked last. */
  address: string;
  /** Null: in progress. */
  pages: readonly string[] | null;
}

export interface ReplyCache {
  get(requestId: string): CachedReply | undefined;
  /** False: too many requests are in progress. */
  begin(requestId: string, fingerprint: string, address: string): boolean;
  /** Null: nobody asked (or nobody any more). */
  finish(requestId: string, result: ControlResult): CachedReply | null;
  readonly inProgress: number;
}

export function createReplyCache(): ReplyCache {
  const open = new Map<string, CachedReply>();
  const done = new Map<string, CachedReply>();
  let characters = 0;

  const sizeOf = (reply: CachedReply): number =>
    (reply.pages ?? []).reduce((sum, page) => sum + page.length, reply.fingerprint.length);
  const makeRoom = (): void => {
    for (const [requestId, oldest] of done) {
      if (done.size <= ENTRIES_MAX && (characters <= CHARACTERS_MAX || done.size === 1)) return;
      done.delete(requestId);
      characters -= sizeOf(oldest);
    }
  };

  return {
    get inProgress() {
      return open.size;
    },
    get(requestId) {
      const finished = done.get(requestId);
      if (finished === undefined) return open.get(requestId);
      done.delete(requestId);
      done.set(requestId, finished);
      return finished;
    },
    begin(requestId, fingerprint, address) {
      if (open.size >= IN_PROGRESS_MAX) return false;
      open.set(requestId, { fingerprint, address, pages: null });
      return true;
    },
    finish(requestId, result) {
      const entry = open.get(requestId);
      if (entry === undefined) return null;
      open.delete(requestId);
      entry.pages = cutPages(result);
      done.set(requestId, entry);
      characters += sizeOf(entry);
      makeRoom();
      return entry;
    },
  };
}
