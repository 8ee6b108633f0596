/**
 * `results.json`: a run's verdict for programs. The schema is the documentation; `version` rises when a field changes its meaning or goes
 * away, new fields may come at any time.
 */
import * as z from "zod";
import { NodeId } from "../../node/wire/ids.ts";
import { EXIT } from "../base/lab-error.ts";
import type { RunRecord } from "../cluster/run-record.ts";

export const RESULTS_VERSION = 1;

const VerdictName = z.enum(["valid", "invalid", "inconclusive"]);

/** One line of `journal.jsonl`, named by (node, incarnation, sequence number). */
const LineName = z.object({ node: z.int(), inc: z.int(), seq: z.int(), timeMs: z.number(), msg: z.string() });

export const Results = z.object({
  version: z.literal(RESULTS_VERSION),
  title: z.string(),
  verdict: VerdictName,
  /** As the command exits: 0 valid, 5 invalid, 7 inconclusive, 1 ended early. */
  exitCode: z.int(),
  reason: z.string(),
  failure: z.object({ message: z.string(), hint: z.string() }).nullable(),
  /** Real time, ISO 8601, and its length. */
  startedAt: z.string(),
  tookMs: z.number(),
  replay: z.string().nullable(),
  /** A run in virtual time for `lab play`; null: there is none, or it is too long for an address. */
  link: z.string().nullable().default(null),
  run: z.object({
    lab: z.string(),
    id: z.string().nullable(),
    runtime: z.enum(["docker", "swarm", "local", "sim"]),
    profile: z.string(),
    nodes: z.array(NodeId),
    voters: z.array(NodeId),
    seed: z.number().nullable(),
  }),
  /** How many lines the journal holds and misses, and the time of the nodes between its first and its last one. */
  journal: z.object({ lines: z.int(), missing: z.int(), spanMs: z.number() }),
  steps: z.array(
    z.object({
      path: z.string(),
      what: z.string(),
      state: z.enum(["passed", "failed", "skipped"]),
      /** Since the journal's first line, in the time of the nodes. */
      atMs: z.number(),
      tookMs: z.number(),
      detail: z.string(),
      note: z.string().optional(),
      say: z.string().optional(),
      explain: z.string().optional(),
    }),
  ),
  checks: z.array(
    z.object({
      check: z.string(),
      verdict: z.union([VerdictName, z.literal("nothing to judge")]),
      detail: z.string(),
      violations: z.array(z.object({ what: z.string(), proof: z.array(LineName) })),
    }),
  ),
  /** How the nodes stood at the end, as `lab ps -o json` tells it. */
  nodes: z.array(
    z.looseObject({
      id: NodeId,
      status: z.string(),
      role: z.string().nullable(),
      coordinator: z.int().nullable(),
      term: z.int().nullable(),
      balance: z.int().nullable(),
    }),
  ),
});
export type Results = z.infer<typeof Results>;

/** @param link of a run that the playground can play */
export function describeResults(record: RunRecord, link: string | null = null): Results {
  const { facts, entries, gaps } = record.journal;
  const [beginMs, endMs] = spanOf(record);
  return {
    version: RESULTS_VERSION,
    title: record.title,
    verdict: record.verdict,
    exitCode: exitCodeOf(record),
    reason: record.reason,
    failure: record.failure,
    startedAt: new Date(record.startedAtMs).toISOString(),
    tookMs: Math.round(record.tookMs),
    replay: record.replay,
    link,
    run: {
      lab: facts.lab,
      id: facts.run,
      runtime: facts.runtime,
      profile: facts.profile,
      nodes: [...facts.nodes],
      voters: [...facts.voters],
      seed: facts.seed,
    },
    journal: {
      lines: entries.length,
      missing: gaps.reduce((sum, gap) => sum + gap.to - gap.from + 1, 0),
      spanMs: endMs - beginMs,
    },
    steps: record.steps.map(({ startedAtMs, ...step }) => ({ ...step, atMs: Math.round(startedAtMs - beginMs) })),
    checks: record.checks.map(({ check, verdict, detail, violations }) => ({
      check,
      verdict,
      detail,
      violations: violations.map(({ what, proof }) => ({
        what,
        proof: proof.map(({ node, inc, seq, time, msg }) => ({ node, inc, seq, timeMs: time, msg })),
      })),
    })),
    nodes: record.evidence.nodes.map(({ id, status, role, coordinator, term, balance }) => ({
      id,
      status,
      role,
      coordinator,
      term,
      balance,
    })),
  };
}

/** 0 valid, 5 invalid, 7 inconclusive; 1 when it ended early and no promise was broken until then. */
export function exitCodeOf(record: Pick<RunRecord, "verdict" | "failure">): number {
  if (record.verdict === "invalid") return EXIT.invariantViolated;
  if (record.failure !== null) return EXIT.failed;
  return record.verdict === "inconclusive" ? EXIT.inconclusive : EXIT.ok;
}

/** Time of the nodes at the first and the last line; both 0 for an empty journal. */
export function spanOf({ journal }: Pick<RunRecord, "journal">): readonly [beginMs: number, endMs: number] {
  let [begin, end] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { time } of journal.entries) {
    begin = Math.min(begin, time);
    end = Math.max(end, time);
  }
  return journal.entries.length === 0 ? [0, 0] : [begin, end];
}
