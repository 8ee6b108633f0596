/**
 * The end of a schedule in which disks were lost or old: what a person does who reads what the nodes say, and what must be said where a
 * promise lost its premise.
 */
import { restartText } from "../../../node/core/membership/stale-incarnation.ts";
import { waitingText } from "../../../node/core/recovery/awaited.ts";
import type { NodeState } from "../../../node/core/state.ts";
import { haveEqualVectors } from "../cluster/inspect.ts";
import type { SimCluster } from "../cluster/sim-cluster.ts";

/** A person looks so many times, so far apart (milliseconds, `fast` timing). */
const LOOKS = 12;
const LOOK_MS = 4_000;
/** A node with an empty disk is RECOVERING or READY after this. */
const WAY_IN_MS = 12_000;

/**
 * Gives up what is lost, another disk to those who stop over it, a restart to those who ask for it, until nobody needs anything. Returns
 * the number of decisions.
 */
export function decideAsPerson(sim: SimCluster, slowness: number): number {
  let decisions = 0;
  for (let n = 0; n < LOOKS; n++) {
    sim.runFor(LOOK_MS * slowness);
    let now = 0;
    for (const { slot, state } of sim.running()) now += decide(sim, slot, state, slowness);
    decisions += now;
    sim.startAll();
    if (now === 0 && haveEqualVectors(sim.running())) return decisions;
  }
  sim.runFor(LOOK_MS * slowness);
  return decisions;
}

/** Returns the number of decisions. */
function decide(sim: SimCluster, slot: number, state: NodeState | null, slowness: number): number {
  if (state === null) return 0;
  if (restartText(state) !== "" || state.phase === "HALTED") sim.restart(slot);
  else if (waitingText(state) !== "") sim.command(slot, { op: "recover", acceptLoss: true });
  else if (state.phase === "CONFLICT") replaceDisk(sim, slot, slowness);
  else return 0;
  return 1;
}

/** One node after the other: a majority of empty disks would know no account, and open all of them again. */
function replaceDisk(sim: SimCluster, slot: number, slowness: number): void {
  sim.loseDisk(slot);
  sim.start(slot);
  const isIn = () => ["RECOVERING", "READY", "CONFLICT"].includes(sim.node(slot).state?.phase ?? "");
  const endsAtMs = sim.nowMs + WAY_IN_MS * slowness;
  while (!isIn() && sim.nowMs < endsAtMs) sim.runFor(100);
}

/** Phases that say by themselves why a node doesn't take part. */
const SAY_ALL: readonly string[] = ["CONFLICT", "HALTED"];

/**
 * For a group that can't get well without what it has lost: a node that doesn't take part says why, or somebody names a contradiction. Ends
 * the run otherwise.
 */
export function expectNamed(sim: SimCluster): void {
  const states = sim.running().flatMap(({ state }) => state ?? []);
  const stopped = states.filter(({ phase }) => phase !== "READY");
  const mute = stopped.find((state) => !SAY_ALL.includes(state.phase) && waitingText(state) === "");
  if (mute !== undefined)
    sim.fail(`outside of its premises, node ${mute.self.id} is ${mute.phase} and doesn't say why`);
  const isNamed = sim.journal.lines.some(
    ({ node, level, kind }) =>
      node !== 0 && (level === "warn" || level === "error") && kind !== "election" && kind !== "member",
  );
  sim.excuse(["S2", "S4", "L3", "L4"], "the group can't get well without what it has lost");
  if (stopped.length === 0 && !isNamed) sim.fail("outside of its premises, the group isn't one, and nobody says so");
}
