// A run to report, as its producers fill it in: one violation, one failed step, a token and a key that must not appear in any file.
import type { RunRecord } from "../../lab/cluster/run-record.ts";
import type { LabSpec } from "../../lab/engine/engine.ts";
import type { Entry } from "../../lab/journal/entry.ts";
import { assembleJournal } from "../../lab/journal/journal.ts";

export const TOKEN = "5ec2e7".repeat(10);
export const KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0+/==";
const BEGIN_MS = Date.UTC(2026, 10, 23, 12, 0, 0);

export function entry(node: number, seq: number, atMs: number, fields: Partial<Entry> = {}): Entry {
  const common = { node, inc: node === 0 ? 0 : 1, seq, time: BEGIN_MS + atMs, mono: atMs };
  return { ...common, kind: "local", level: "info", msg: `line ${seq}`, ...fields };
}

export function makeRecord(fields: Partial<RunRecord> = {}): RunRecord {
  const broken = entry(2, 2, 900, { kind: "trade", msg: "BUY 30 credits <twice> & once more" });
  const entries = [entry(0, 1, 0, { kind: "fault", action: "kill", nodes: [5] }), entry(1, 1, 500), broken];
  const env = { DS_LOG_LEVEL: "DEBUG", DS_KEYS: `1:${KEY}`, DS_CONTROL_TOKEN: "token-of-the-user" };
  const spec: LabSpec = {
    name: "shop",
    runtime: "local",
    run: "shop-1",
    profile: "fast",
    voters: [1, 2, 3],
    nodes: [1, 2, 3],
    token: TOKEN,
    keys: `2:${KEY},1:${TOKEN}`,
    env,
  };
  const facts = { lab: "shop", run: "shop-1", runtime: "local", profile: "fast", nodes: [1, 2, 3] } as const;
  return {
    title: "Kill the leader!",
    verdict: "invalid",
    reason: "a transfer was applied twice",
    failure: null,
    startedAtMs: BEGIN_MS,
    tookMs: 1_234,
    replay: "lab run kill-leader.yaml --seed 7",
    scenario: `name: kill the leader\nenv: { DS_KEYS: "1:${KEY}", DS_CONTROL_TOKEN: never-seen-before }\n`,
    steps: [
      {
        ...{ path: "1", what: "kill leader", state: "passed", startedAtMs: BEGIN_MS, tookMs: 12, detail: "killed 5" },
        ...{ note: "somebody <must> notice", explain: "probes find out" },
      },
      { path: "2", what: "expect agree", state: "failed", startedAtMs: BEGIN_MS + 12, tookMs: 8, detail: "1 < 2" },
    ],
    checks: [
      {
        check: "at-most-once",
        verdict: "invalid",
        violations: [{ what: "node 2 applied 1-2-1.1 twice", proof: [broken] }],
        detail: "2 transfers",
      },
      { check: "causal-delivery", verdict: "inconclusive", violations: [], detail: "no deliveries | were written" },
      { check: "conservation", verdict: "valid", violations: [], detail: "300 credits" },
    ],
    journal: assembleJournal({ ...facts, voters: [1, 2, 3], seed: 7, isDetailed: true, hasWire: true }, entries),
    evidence: {
      spec,
      info: null,
      engine: { detail: "processes on this machine", facts: { node: "24" } },
      nodes: [],
      logs: new Map([
        [1, [JSON.stringify(entry(1, 1, 500)), `Error: can't open with ${TOKEN}`]],
        [2, [JSON.stringify(broken), `env {"DS_KEYS":"7:AAAAAAAAAAAAAAAAAAAAAAAA"}`]],
      ]),
    },
    ...fields,
  };
}
