// The journal is documented: every field of every line that nodes write in random schedules is in node/protocol/journal.md, and what is
// in there is written by some node.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { journalOf } from "../../lab/sim/cluster/sim-run.ts";
import { runSwarm } from "../../lab/sim/swarm/play-schedule.ts";
import { readTableRows } from "../support/doc-commands.ts";

const SEEDS = Array.from({ length: 8 }, (_, index) => index + 1);
/**
 * Documented and not in these schedules: no member lies in them, no former process is heard late, and a fence, which is told like a
 * delivery, has no request.
 */
const NOT_HERE = ["drop.amount", "drop.reason", "drop.record_seq", "drop.vc", "drop.phase", "state.request"];

const PAGE = readFileSync(new URL("../../node/protocol/journal.md", import.meta.url), "utf8");

function namesIn(cell = ""): string[] {
  return [...cell.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);
}

function documentedFields(): Set<string> {
  const rows = (heading: string) =>
    readTableRows(PAGE.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "", /./).slice(1);
  const everywhere = rows("Every line").flatMap(([cell]) => namesIn(cell));
  const kinds = rows("Kinds").map(([kind, , fields]) => ({ kind: namesIn(kind)[0] ?? "", fields: namesIn(fields) }));
  const fieldsOf = (wanted: string) => kinds.find(({ kind }) => kind === wanted)?.fields ?? [];
  const books = rows("Books and accounts").flatMap(([, , cell = ""]) => namesIn(cell.replaceAll(/\([^)]*\)/g, "")));
  const documented = new Set<string>();
  for (const { kind, fields } of kinds) {
    const also = fields.includes("deliver") ? fieldsOf("deliver") : [];
    const all = [...everywhere, ...fields.filter((name) => name !== "deliver"), ...also];
    for (const name of kind === "state" ? [...all, ...books] : all) documented.add(`${kind}.${name}`);
  }
  return documented;
}

test("journal.md must name the fields that nodes write, and no others", { timeout: 120_000 }, () => {
  const documented = documentedFields();
  const written = new Set<string>();
  for (const seed of SEEDS) {
    let cluster: SimCluster | null = null;
    runSwarm(seed, { wire: true }, { onCluster: (sim) => (cluster = sim) });
    expect(cluster).not.toBeNull();
    const { entries } = journalOf(cluster as unknown as SimCluster);
    for (const entry of entries)
      if (entry.node > 0) for (const name of Object.keys(entry)) written.add(`${entry.kind}.${name}`);
  }
  expect([...written].filter((field) => !documented.has(field)).sort()).toEqual([]);
  // The kinds `fault` and `local` are of the process around the protocol, which the simulator doesn't have.
  const unwritten = [...documented].filter((field) => !written.has(field) && !/^(fault|local)\.|\.run$/.test(field));
  expect(unwritten.filter((field) => !NOT_HERE.includes(field))).toEqual([]);
});
