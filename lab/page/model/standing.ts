/**
 * The state of processes and links at an instant, by the story of the run, put into the picture of the cluster. A process that is over plays no
 * part any more, whatever its last lines say.
 */
import type { Story } from "../../journal/story/story.ts";
import type { ClusterState, ProcessState } from "./cluster-state.ts";
import { nameEnd } from "./spans.ts";

/** Changes `state` in place. */
export function setStanding(state: ClusterState, story: Story, atMs: number): void {
  for (const node of state.nodes.values()) {
    node.process = findProcess(story, node.id, atMs);
    node.unplugged = (story.faults.unplugged.get(node.id) ?? []).some(
      (span) => span.fromMs <= atMs && atMs < span.toMs,
    );
    if (node.process === "running" || node.process === "paused") continue;
    node.role = "FOLLOWER";
    node.coordinator = null;
    node.held.clear();
  }
  state.faults = story.faults.all.filter(
    ({ kind, fromMs, toMs }) => kind !== "unplug" && fromMs <= atMs && atMs < toMs,
  );
}

/** A node that hasn't written anything yet is about to run. */
function findProcess(story: Story, id: number, atMs: number): ProcessState {
  const life = story.lives.ofNode.get(id)?.findLast(({ fromMs }) => fromMs <= atMs);
  if (life?.end != null && life.end.atMs <= atMs) return nameEnd(life.end.cause);
  const stops = story.stops.ofNode.get(id) ?? [];
  const isPaused = stops.some(
    ({ by, fromMs, toMs, untilMs }) => by === "lab" && fromMs <= atMs && atMs < Math.min(toMs, untilMs ?? toMs),
  );
  return isPaused ? "paused" : "running";
}
