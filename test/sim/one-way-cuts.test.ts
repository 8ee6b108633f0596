/**
 * Networks in which some links work in one direction only. A majority of the voters that hear each other must come to an elected
 * coordinator, even while another leads provisionally (node/protocol/election.md). Times are virtual.
 */
import { it } from "vitest";
import { SimCluster } from "../../lab/sim/cluster/sim-cluster.ts";
import { Draw } from "../../lab/sim/world/draw.ts";
import { underSeeds } from "../support/sim-seeds.ts";

const FILE = "test/sim/one-way-cuts.test.ts";
/** Of `fast` timing: two of the longest waits, and a few rounds of votes. */
const BOUND_MS = 8_000;

type Cut = readonly [from: number, to: number];

/** The largest set of nodes in which each hears each. */
function largestClique(ids: readonly number[], cuts: readonly Cut[]): number[] {
  const hears = (a: number, b: number) =>
    !cuts.some(([from, to]) => (from === a && to === b) || (from === b && to === a));
  let best: number[] = [];
  for (let set = 0; set < 2 ** ids.length; set++) {
    const members = ids.filter((_, index) => (set >> index) & 1);
    if (members.length > best.length && members.every((a) => members.every((b) => a === b || hears(a, b))))
      best = members;
  }
  return best;
}

/** All of them follow one elected coordinator. */
function isLed(sim: SimCluster, slots: readonly number[]): boolean {
  const claims = slots.map((slot) => sim.node(slot).state?.election);
  const [first] = claims;
  return claims.every(
    (claim) => claim?.elected && claim.coordinator === first?.coordinator && claim.claimTerm === first?.claimTerm,
  );
}

/** Cuts the links of a cluster that works, and looks at the voters that still hear each other. */
function play(seed: number, nodes: number, cuts: readonly Cut[], clique: readonly number[]): void {
  const sim = new SimCluster({ nodes, seed, loss: 0.05, voters: [1, 2, 3, 4, 5] });
  sim.startAll();
  sim.runUntil(() => sim.converged(), 30_000, "the first agreement");
  for (const [from, to] of cuts) sim.cutOneWay(from, to);
  sim.runFor(3_000);
  sim.runUntil(() => isLed(sim, clique), BOUND_MS, `nodes ${clique.join(", ")} following one elected`);
  // Such links make leaders come and go, so somebody is elected again and again.
  sim.runFor(10_000);
  sim.runUntil(() => isLed(sim, clique), BOUND_MS, `nodes ${clique.join(", ")} following one elected again`);
}

it("must elect a coordinator where the highest node is followed and can't win", () => {
  const cuts = "1>6 2>3 2>5 3>6 4>3 4>5 5>3 5>4 5>6 6>2"
    .split(" ")
    .map((cut) => cut.split(">").map(Number) as [number, number]);
  underSeeds(FILE, 5, (seed) => {
    play(seed, 6, cuts, [1, 2, 4]);
  });
});

it("must elect a coordinator wherever a majority of the voters hear each other", () => {
  underSeeds(FILE, 24, (seed) => {
    const draw = new Draw(seed, "cuts");
    const nodes = draw.integer(5, 7);
    const ids = Array.from({ length: nodes }, (_, index) => index + 1);
    const density = draw.between(0.1, 0.45);
    const cuts = ids.flatMap((from) =>
      ids.filter((to) => to !== from && draw.chance(density)).map((to): Cut => [from, to]),
    );
    const clique = largestClique([1, 2, 3, 4, 5], cuts);
    if (clique.length >= 3) play(seed, nodes, cuts, clique);
  });
});
