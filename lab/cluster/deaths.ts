/**
 * Deaths behind the lab's back: `docker kill`, `kill -9` of a local node, out of memory, a node that exited by itself.
 *
 * Nobody watches a lab between two commands, so each command compares what the engine has with what the lab itself did, as its journal
 * says, and writes one line for each end that the lab did not bring about. Without that line a checker would take a dead node for one
 * that runs, and condemn those who declared it FAILED.
 *
 * "Once for each end" follows from the journal itself: a line that is there already is no news. So that two commands don't both write
 * it, the lines are written under the lab's lock. A command that finds the lock taken leaves the news to the next one.
 */
import { LabError } from "../base/lab-error.ts";
import type { LabState } from "../base/lab-state.ts";
import type { Engine, LabInfo, NodeInfo } from "../engine/engine.ts";
import { describeExit, signalOf } from "../engine/node-status.ts";
import type { Entry } from "../journal/entry.ts";
import { type LabAction, readLabAction } from "../journal/lab-entry.ts";
import { noteAction, readLabEntries } from "../journal/lab-journal.ts";
import { effectOfSignal } from "../journal/story/signal-effect.ts";

/** One handle's memory of the ends that it has seen, so that the journal is read for news only. */
export class DeathWatch {
  readonly #engine: Engine;
  readonly #state: LabState;
  readonly #known = new Set<string>();
  /** Looks at the same time would both find the same news. */
  #last: Promise<void> = Promise.resolve();

  constructor(engine: Engine, state: LabState) {
    this.#engine = engine;
    this.#state = state;
  }

  /**
   * Writes down the ends in `info` that the lab did not bring about. Never fails: a journal that can't be written stops no command.
   * @param hasLock the caller holds the lab's lock, and `info` was read under it
   */
  async look(info: LabInfo, hasLock: boolean): Promise<void> {
    if (this.#unknownEnds(info).length === 0) return;
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    try {
      await this.#lookAlone(info, hasLock);
    } finally {
      resolve();
    }
  }

  async #lookAlone(info: LabInfo, hasLock: boolean): Promise<void> {
    const ended = this.#unknownEnds(info);
    if (ended.length === 0) return;
    try {
      if (findSurprises(await readLabEntries(this.#state), info, ended).length > 0) {
        if (hasLock || !this.#state.isShared) await this.#note(info, ended);
        else await this.#noteUnderLock(info.name);
      }
      for (const node of ended) this.#known.add(nameEnd(node));
    } catch (error) {
      if (!(error instanceof LabError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }

  #unknownEnds(info: LabInfo): readonly NodeInfo[] {
    return info.nodes.filter((node) => node.status === "exited" && !this.#known.has(nameEnd(node)));
  }

  async #noteUnderLock(lab: string): Promise<void> {
    await using _lock = await this.#state.lock({ purpose: "note deaths", timeoutMs: 0 });
    // A command that had the lock until now may have started the node again.
    const info = await this.#engine.lab(lab);
    if (info !== null) await this.#note(info, info.nodes);
  }

  async #note(info: LabInfo, nodes: readonly NodeInfo[]): Promise<void> {
    const { clock } = this.#engine.world;
    for (const node of findSurprises(await readLabEntries(this.#state), info, nodes)) {
      const signal = signalOf(node);
      const action: LabAction = {
        action: "died",
        nodes: [node.id],
        atMs: node.finishedAtMs,
        exitCode: node.exitCode,
        oom: node.oomKilled,
        ...(signal === null ? {} : { signal }),
      };
      await noteAction({ state: this.#state, clock, run: info.run }, action, describeDeath(node));
    }
  }
}

/** Of `nodes`, those that have ended though nothing in the lab's journal says why, and whose end isn't written down yet. */
export function findSurprises(
  entries: readonly Entry[],
  info: LabInfo,
  nodes: readonly NodeInfo[],
): readonly NodeInfo[] {
  const actions = entries.map(readLabAction).filter((action) => action !== null);
  // Lines of an earlier lab of this name say nothing about this one.
  const lastUp = actions.findLastIndex((action) => action.action === "up");
  const ours = actions.slice(Math.max(0, lastUp));
  return nodes.filter((node) => {
    if (node.status !== "exited") return false;
    const last = ours.findLast((action) => "nodes" in action && action.nodes.includes(node.id) && isTurn(action, info));
    if (last?.action === "died")
      return node.finishedAtMs !== null && last.atMs !== null && node.finishedAtMs > last.atMs;
    return last === undefined || last.action === "up" || last.action === "start";
  });
}

/** Does this action begin or end a node's process? */
function isTurn(action: LabAction, { runtime }: LabInfo): boolean {
  if (action.action === "kill") return ["ends", "leaves"].includes(effectOfSignal(action.signal, runtime));
  return ["up", "start", "stop", "leave", "remove", "died"].includes(action.action);
}

function describeDeath(node: NodeInfo): string {
  const how = describeExit(node) ?? "nobody knows how";
  return node.exitCode === 0 ? `node ${node.id} exited by itself (${how})` : `node ${node.id} died: ${how}`;
}

function nameEnd({ id, handle, finishedAtMs }: NodeInfo): string {
  return `${id}/${handle}/${finishedAtMs}`;
}
