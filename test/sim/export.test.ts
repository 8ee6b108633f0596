/** Exports of what simulated clusters really write, with kills, losses, doubles, partitions and log tails that are gone. */
import { expect, it } from "vitest";
import { exportShiviz, exportTsviz } from "../../lab/export/shiviz.ts";
import type { Entry } from "../../lab/journal/entry.ts";
import { assembleJournal, type Journal } from "../../lab/journal/journal.ts";
import { runSwarm } from "../../lab/sim/swarm/play-schedule.ts";
import { Draw } from "../../lab/sim/world/draw.ts";
import type { SimJournalLine } from "../../lab/sim/world/sim-journal.ts";
import { isExtended } from "../support/extended.ts";
import { findShivizComplaints } from "../support/shiviz-rules.ts";
import { testSeed } from "../support/test-seed.ts";

const FIRST = testSeed("EXPORT_SIM_SEED", 1);
const SEEDS = Array.from({ length: isExtended ? 6 : 3 }, (_, i) => FIRST + i);

it.each(SEEDS)(
  "must be accepted by ShiViz for a run with every fault, also when killed nodes lost their last lines (seed %i)",
  {
    timeout: 60_000,
  },
  (seed) => {
    const journal = playSwarm(seed);
    expect(journal.entries.filter(({ kind }) => kind === "recv").length).toBeGreaterThan(500);
    expect(findShivizComplaints(exportShiviz(journal))).toEqual([]);
    const lossy = loseTails(journal, new Draw(seed, "tails"));
    const text = exportShiviz(lossy, { heartbeats: false });
    expect(findShivizComplaints(text)).toEqual([]);
    expect(exportTsviz(lossy).split("\n").length).toBeGreaterThan(1_000);
  },
);

function playSwarm(seed: number): Journal {
  const lines: SimJournalLine[] = [];
  runSwarm(seed, { wire: true, onLine: (line) => void lines.push(line) });
  const facts = { lab: "swarm", run: null, runtime: "sim", profile: "fast", voters: [], seed } as const;
  const nodes = [...new Set(lines.map(({ node }) => node))].filter((node) => node > 0);
  return assembleJournal({ ...facts, nodes, isDetailed: true, hasWire: true }, lines as unknown as Entry[]);
}

/** A log after a power cut: the last lines of each process but the newest are gone. */
function loseTails(journal: Journal, draw: Draw): Journal {
  const last = new Map<string, number>();
  for (const { node, inc, seq } of journal.entries)
    last.set(`${node}.${inc}`, Math.max(seq, last.get(`${node}.${inc}`) ?? 0));
  const cut = new Map([...last].map(([process, seq]) => [process, seq - draw.integer(0, 30)]));
  return assembleJournal(
    journal.facts,
    journal.entries.filter(({ node, inc, seq }) => node === 0 || seq <= (cut.get(`${node}.${inc}`) ?? 0)),
  );
}
