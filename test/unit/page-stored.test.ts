/** A stored run of any length that a lab writes in an hour is shown from its beginning, whatever a live page lets go of. */
import { expect, it } from "vitest";
import type { Entry } from "../../lab/journal/entry.ts";
import { Store } from "../../lab/page/app/page-store.ts";
import { makeJournal } from "../support/page-journal.ts";

it("420,000 lines of a stored run must be kept, and those of a live one let go with a word about it", () => {
  const { facts } = makeJournal({ nodes: 3, seconds: 1, linesPerSecond: 10 });
  const lines = Array.from({ length: 420_000 }, (_, n): Entry => {
    const common = { level: "debug", node: 1 + (n % 3), inc: 1, seq: 1 + Math.floor(n / 3) } as const;
    return { ...common, time: 1_000 + n, mono: n, kind: "state", msg: "tick" };
  });
  for (const mode of ["replay", "live"] as const) {
    const store = new Store();
    store.mode = mode;
    store.begin(facts, []);
    store.add(lines);
    expect([mode, store.bounds.beginMs === 1_000, store.history.begin > 0]).toEqual([
      mode,
      mode === "replay",
      mode === "live",
    ]);
    if (mode === "live") expect(store.beginsLate).toBe(true);
  }
});
