/**
 * The part of a lab that faults need. `LabHandle` is one; the interface lies here so that `faults/` imports nothing of `cluster/`,
 * whose verbs use faults.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { LabClock } from "../base/lab-clock.ts";
import type { LabState } from "../base/lab-state.ts";
import type { CallOptions, ControlBody } from "../control/control-client.ts";
import type { Engine, LabInfo, NodeInfo, ProgramHost, Progress } from "../engine/engine.ts";
import type { LabAction } from "../journal/lab-entry.ts";

/** A node as a selector found it. */
export interface ChosenNode {
  readonly id: NodeId;
  /** Null: the selectors didn't ask who leads. */
  readonly role: "coordinator" | "follower" | null;
}

export interface FaultableLab {
  readonly name: string;
  readonly engine: Engine;
  readonly state: LabState;
  readonly clock: LabClock;
  readonly progress: Progress;
  /** Those that bring faults about beside a node, which can't do it itself; null: the node can. */
  readonly helpers: ProgramHost | null;
  /** What a fault drops is logged for a tap. */
  readonly isTapped: boolean;
  /** As the engine saw it last; `refresh` asks again. */
  readonly info: LabInfo;
  /** Ids of all nodes, ascending. */
  readonly ids: readonly NodeId[];
  /** Ids of the nodes that run and aren't paused. */
  readonly running: readonly NodeId[];
  /** @throws LabError("notFound") */
  node(id: NodeId): NodeInfo;
  refresh(): Promise<LabInfo>;
  /**
   * The nodes that each selector means, all at one instant.
   * @param eligible narrows words (`all`, `random`), never ids that are named
   * @param draw a number in [0, 1), for `random` and the like
   */
  resolveGroups(
    selectors: readonly string[],
    eligible?: (node: NodeInfo) => boolean,
    draw?: () => number,
  ): Promise<readonly (readonly ChosenNode[])[]>;
  call(id: NodeId, body: ControlBody, options?: CallOptions): Promise<{ data: unknown; text: string }>;
  /** Writes an action into the lab's journal. Never fails. */
  note(action: LabAction, msg: string): Promise<void>;
  /** Runs `change` while no other command changes this lab. */
  locked<T>(purpose: string, change: () => Promise<T>): Promise<T>;
}
