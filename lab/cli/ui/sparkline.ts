/** Short curves made of blocks, and the numbers of a cluster that `lab watch` draws with them. */
import type { NodeView, Snapshot } from "../../dash/protocol.ts";

const BLOCKS = "▁▂▃▄▅▆▇█";

/** The last `width` values, the lowest as the lowest block; a value that isn't known is a space. */
export function renderSparkline(values: readonly (number | null)[], width: number): string {
  const shown = values.slice(-width);
  const known = shown.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return shown
    .map((value) =>
      value === null
        ? " "
        : BLOCKS[high === low ? 0 : Math.round(((value - low) / (high - low)) * (BLOCKS.length - 1))],
    )
    .join("");
}

export interface Curves {
  readonly balance: readonly (number | null)[];
  /** Milliseconds, the median of those to the others. */
  readonly trip: readonly (number | null)[];
  /** A second, sent and received. */
  readonly datagrams: readonly (number | null)[];
}

const KEPT_MAX = 120;

/** Remembers what snapshots say of each node, as far back as a screen can show. */
export class CurveBook {
  readonly #curves = new Map<number, { [K in keyof Curves]: (number | null)[] }>();
  readonly #before = new Map<number, { atMs: number; datagrams: number }>();

  add({ atMs, nodes }: Snapshot): void {
    for (const node of nodes) {
      const curves = this.#curves.get(node.id) ?? { balance: [], trip: [], datagrams: [] };
      this.#curves.set(node.id, curves);
      curves.balance.push(node.says?.balance ?? null);
      curves.trip.push(medianTrip(node));
      curves.datagrams.push(this.#rateOf(node, atMs));
      for (const values of Object.values(curves)) if (values.length > KEPT_MAX) values.shift();
    }
  }

  of(id: number): Curves | undefined {
    return this.#curves.get(id);
  }

  #rateOf({ id, says }: NodeView, atMs: number): number | null {
    if (says === null) return null;
    const sum = (name: RegExp) =>
      Object.entries(says.counters).reduce((total, [key, count]) => total + (name.test(key) ? count : 0), 0);
    const datagrams = sum(/^datagrams_(sent|received)$/);
    const before = this.#before.get(id);
    this.#before.set(id, { atMs, datagrams });
    // A restarted node counts from zero.
    if (before === undefined || atMs <= before.atMs || datagrams < before.datagrams) return null;
    return ((datagrams - before.datagrams) * 1_000) / (atMs - before.atMs);
  }
}

function medianTrip({ says }: NodeView): number | null {
  const trips = (says?.members ?? [])
    .flatMap(({ srtt_ms }) => (srtt_ms === null ? [] : [srtt_ms]))
    .sort((a, b) => a - b);
  return trips[Math.floor(trips.length / 2)] ?? null;
}
