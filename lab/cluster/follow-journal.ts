/**
 * The journal of a lab that runs, as it grows: lines of all nodes and of the lab, ordered, each once, also of nodes that join later and
 * over an engine that went away for a while.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { REAL_CLOCK, sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import { type Entry, isOfRun, processOf } from "../journal/entry.ts";
import { LabJournalTail } from "../journal/lab-journal.ts";
import { TimeOrder } from "../journal/time-order.ts";
import type { LabHandle } from "./lab-handle.ts";

export interface FollowOptions {
  /** Lines of each node from before now; null: all. */
  readonly tail: number | null;
  readonly signal: AbortSignal;
  /** In causal order; `isPast`: written before following began. */
  readonly onEntries: (entries: readonly Entry[], isPast: boolean) => void;
  /** The engine can't be asked for logs (again), and why; null: it can again. */
  readonly onTrouble?: (why: string | null) => void;
}

/** How long a line waits for others that precede it. */
const TURN_MS = 100;
/** The past is complete when nothing came for so long. */
const QUIET_MS = 250;
const PAST_MS_MAX = 3_000;
const RETRY_MS = 1_000;

/** Resolves when `signal` ends it. Nodes that the lab gets later are followed from the next `lab.refresh()` on. */
export async function followJournal(lab: LabHandle, options: FollowOptions): Promise<void> {
  const { signal } = options;
  const order = new TimeOrder();
  const seen = new Seen();
  const startedAtMs = lab.clock.wallMs();
  let arrivedAtMs = performance.now();
  const { run } = lab.info;
  const take = (entry: Entry): void => {
    if (!isOfRun(entry, run) || !seen.isNew(entry)) return;
    arrivedAtMs = performance.now();
    order.add(entry);
  };
  const own = new LabJournalTail(lab.state);
  const followed = new Map<NodeId, Promise<void>>();
  const beganAtMs = performance.now();
  let isPast = true;
  let bug: unknown = null;
  while (!signal.aborted) {
    for (const id of lab.ids) {
      if (followed.has(id)) continue;
      const following = followNode(lab, id, isPast ? options.tail : null, take, options);
      followed.set(
        id,
        following.catch((error: unknown) => {
          bug ??= error;
        }),
      );
    }
    if (bug !== null) throw bug;
    for (const entry of await own.read()) take(entry);
    const nowMs = performance.now();
    const isQuiet = nowMs - arrivedAtMs > QUIET_MS || nowMs - beganAtMs > PAST_MS_MAX;
    // The past comes as a whole: its lines arrive node by node.
    if (!isPast || isQuiet) {
      const entries = [...(isPast ? order.turn() : []), ...order.turn()];
      const end = isPast ? entries.findLastIndex((entry) => entry.time < startedAtMs) + 1 : 0;
      if (end > 0) options.onEntries(entries.slice(0, end), true);
      if (end < entries.length) options.onEntries(entries.slice(end), false);
      isPast = false;
    }
    await pause(TURN_MS, signal);
  }
  await Promise.all(followed.values());
}

async function followNode(
  lab: LabHandle,
  id: NodeId,
  tail: number | null,
  take: (entry: Entry) => void,
  { signal, onTrouble }: FollowOptions,
): Promise<void> {
  const startedAtMs = lab.clock.wallMs();
  let lastMs: number | null = null;
  let isTroubled = false;
  while (!signal.aborted) {
    const sinceMs: number | null = lastMs;
    const request = { follow: true, tail: sinceMs === null ? tail : null, sinceMs, signal };
    try {
      const read = await lab.kind.lineReader(lab);
      for await (const line of lab.engine.logs(lab.name, [id], request)) {
        if (isTroubled) onTrouble?.(null);
        isTroubled = false;
        const entry = read(line);
        if (entry === null) continue;
        lastMs = entry.time;
        take(entry);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof LabError)) throw error;
      // Removed, with its log.
      if (error.exit === "notFound") return;
      if (!isTroubled) onTrouble?.(error.message);
      isTroubled = true;
    }
    // A simulated node's log ends where it is: it is read again from there.
    lastMs ??= startedAtMs;
    await pause(lab.engine.name === "sim" ? TURN_MS : RETRY_MS, signal);
  }
}

/** In real time, whatever time the nodes live in: somebody reads along. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(REAL_CLOCK, ms, signal).catch(() => {});
}

/** Which lines were taken already: a process' own numbers only rise. */
class Seen {
  readonly #last = new Map<string, { seq: number; time: number }>();

  isNew(entry: Entry): boolean {
    const key = processOf(entry);
    const last = this.#last.get(key);
    // Before its store is open a process has no incarnation, so several may share the name.
    const isKnown =
      last !== undefined &&
      (entry.inc === 0 && entry.node !== 0
        ? entry.time < last.time || (entry.time === last.time && entry.seq <= last.seq)
        : entry.seq <= last.seq);
    if (isKnown) return false;
    this.#last.set(key, { seq: entry.seq, time: entry.time });
    return true;
  }
}
