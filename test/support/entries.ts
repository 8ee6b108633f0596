// Journals that no node wrote.
import type { Entry } from "../../lab/journal/entry.ts";
import { assembleJournal, type Journal } from "../../lab/journal/journal.ts";

/** `count` lines of two nodes, one a millisecond. */
export function clusterEntries(count: number): Journal {
  const entries = Array.from({ length: count }, (_, i): Entry => {
    const [node, seq] = [(i % 2) + 1, Math.floor(i / 2) + 1];
    return { node, inc: 1, seq, time: 1_767_225_600_000 + i, mono: i, kind: "local", level: "info", msg: `line ${i}` };
  });
  const facts = { lab: "made-up", run: "made-up-1", profile: "fast", nodes: [1, 2], voters: [1], seed: 7 };
  return assembleJournal({ ...facts, runtime: "sim", isDetailed: false, hasWire: false }, entries);
}
