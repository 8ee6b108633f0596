/**
 * How somebody makes a known bug break a promise by hand: the last rung of the playground's ladder of hints. A test plays each of them, and
 * in sound nodes too. Bugs without one show only in long random runs (`lab sim`), or need copies of messages that are older than their sender.
 */
import type { Step } from "../scenario/scenario-schema.ts";

type Recipe = readonly (readonly [atMs: number, step: object])[];

const PAY = { sell: { node: "1", peer: "2", amount: 10 } };
const LOAD = { load: { rate: "20/s", for: "2s" } };
const HALVES = { partition: { groups: ["1,2", "3-5"], for: "25s" } };

const RECIPES: Readonly<Record<string, Recipe>> = {
  "heartbeats-tick": [[500, { restart: { nodes: "4" } }]],
  "split-brain": [
    [100, { kill: { nodes: "leader" } }],
    [200, { partition: { groups: ["1,2", "3,4"] } }],
  ],
  "no-state-transfer": [
    [100, PAY],
    [1_000, { scale: { to: 6 } }],
  ],
  "entries-removed": [
    [100, PAY],
    [1_000, { leave: { nodes: "1" } }],
  ],
  "lost-confirmations": [
    [100, { netem: { nodes: "all", loss: "40%" } }],
    [200, LOAD],
    [4_000, { heal: {} }],
  ],
  "receive-loop-dies": [
    [100, { kill: { nodes: "5" } }],
    [200, { sell: { node: "1", peer: "5", amount: 10 } }],
  ],
  "no-duplicate-detection": [
    [100, { netem: { nodes: "all", dup: "50%" } }],
    [200, LOAD],
  ],
  amnesia: [
    [100, PAY],
    [1_000, { kill: { nodes: "1" } }],
    [1_500, { start: { nodes: "1" } }],
  ],
  "no-incarnation": [
    [100, { netem: { nodes: "3", delay: "4s", jitter: "2s" } }],
    [2_000, { restart: { nodes: "3" } }],
    [4_000, { restart: { nodes: "3" } }],
  ],
  "no-causal-check": [
    [100, { netem: { nodes: "all", delay: "40ms", jitter: "40ms" } }],
    [200, LOAD],
  ],
  "no-repair": [
    [100, { isolate: { nodes: "3", for: "1s" } }],
    [200, PAY],
    [2_000, PAY],
  ],
  "votes-forgotten": [
    [100, { kill: { nodes: "leader" } }],
    [2_000, { restart: { nodes: "all" } }],
  ],
  "two-votes": [
    [100, { partition: { groups: ["3", "4"] } }],
    [500, { kill: { nodes: "leader" } }],
  ],
  oversold: [
    [50, { isolate: { nodes: "1", for: "1s" } }],
    [100, { sell: { node: "1", peer: "2", amount: 70 } }],
    [200, { sell: { node: "1", peer: "3", amount: 70 } }],
  ],
  "refusals-forgotten": [
    [100, { netem: { nodes: "1", delay: "3s" } }],
    [200, { buy: { node: "1", peer: "2", amount: 150 } }],
    [3_300, { sell: { node: "3", peer: "2", amount: 90 } }],
  ],
  "no-suspicion": [[100, { netem: { nodes: "all", loss: "20%" } }]],
  "no-refutation": [[100, { isolate: { nodes: "3", for: "25s" } }]],
  "rival-leaders": [[100, HALVES]],
  "dead-halves": [[100, HALVES]],
};

/** Its steps, each with its instant and in the background, as the playground plays them; empty: there is none. */
export function recipeOf(bug: string): readonly Step[] {
  return (RECIPES[bug] ?? []).map(([atMs, step]) => ({ ...step, at: `${atMs}ms`, background: true }) as Step);
}
