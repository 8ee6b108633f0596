/**
 * Simulated labs live in one process and end with it. A session is that life: while one is open, `--runtime sim` means its engine.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import type { Sabotage } from "../../sim/bugs/sabotage.ts";
import { SimEngine } from "./sim-engine.ts";

let current: SimEngine | null = null;

export interface SimSession extends AsyncDisposable {
  readonly engine: SimEngine;
  /** Begins again: another world of the same seed takes the place of this one. */
  restart(): void;
}

/**
 * Opens a world in which nothing exists yet. What little is still looked for on disk is looked for in a folder of the session's own, so
 * that its labs have nothing to do with other labs of the same name.
 * @param seed decides everything that is drawn: delays, losses, ids of boots
 * @param sabotage what is wrong with all nodes; default: nothing
 */
export async function openSimSession(seed: number, sabotage?: Sabotage): Promise<SimSession> {
  if (current !== null) throw new LabError("usage", "a simulated world is open already", "end it first");
  const folder = await mkdtemp(join(tmpdir(), "energy-lab-sim-"));
  const before = process.env.XDG_STATE_HOME;
  process.env.XDG_STATE_HOME = folder;
  current = new SimEngine(seed, sabotage);
  return {
    get engine() {
      return currentSimEngine();
    },
    restart() {
      current = new SimEngine(seed, sabotage);
    },
    async [Symbol.asyncDispose]() {
      current = null;
      if (before === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = before;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** @throws LabError("unsupported") where no session is open: between commands there is nobody who could keep the nodes */
export function currentSimEngine(): SimEngine {
  if (current !== null) return current;
  throw new LabError("unsupported", "simulated nodes live inside one process: single commands can't share them", [
    NEXT.openSimShell(),
    NEXT.playSchedules(),
  ]);
}
