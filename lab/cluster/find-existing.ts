/** The lab of a name, whichever runtime has it. A name is used once: both runtimes keep a lab's faults and journal in one folder. */
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { StateDir } from "../base/state-dir.ts";
import { type Engine, hasContainers, type Progress, type RuntimeName } from "../engine/engine.ts";
import { LabHandle } from "./lab-handle.ts";
import { readMadeRecord } from "./made-record.ts";
import { describeRuntime, openEngine, type RuntimeChoice } from "./open-engine.ts";

export interface FindOptions {
  readonly runtime: RuntimeChoice;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * The lab in `engine`, or in the local one when no runtime was chosen; null: there is none. `engine` is closed when the lab is elsewhere.
 * @throws LabError("failed") when another runtime has a lab of that name
 */
export async function findExisting(engine: Engine, name: string, options: FindOptions): Promise<LabHandle | null> {
  const labOptions = { progress: options.progress, signal: options.signal };
  const info = await engine.lab(name);
  if (info !== null) return new LabHandle(engine, info, labOptions);
  // A simulated world is a world of its own.
  if (engine.name === "sim") return null;
  await assertNotElsewhere(name, engine.name);
  if (engine.name === "local") return null;
  const local = await openEngine("local");
  const there = await local.lab(name);
  if (there === null) return null;
  if (options.runtime === "auto") {
    await engine[Symbol.asyncDispose]();
    return new LabHandle(local, there, labOptions);
  }
  throw new LabError("failed", `a local lab named "${name}" exists already`, [
    NEXT.useLocalLab(),
    NEXT.removeLab(name, "local"),
    "or choose another --name",
  ]);
}

/** Docker and its swarm are asked only if they had the name last. */
async function assertNotElsewhere(name: string, here: RuntimeName): Promise<void> {
  const { runtime = here } = (await readMadeRecord(new StateDir(name))) ?? {};
  if (runtime === here || !hasContainers(runtime)) return;
  let exists: boolean | null = null;
  try {
    await using other = await openEngine(runtime);
    exists = (await other.lab(name)) !== null;
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
  }
  if (exists === false) return;
  throw new LabError(
    "failed",
    exists
      ? `lab "${name}" exists in ${describeRuntime(runtime)} already`
      : `lab "${name}" was made in ${describeRuntime(runtime)}, which can't be asked`,
    ["choose another --name", exists ? NEXT.removeLabFirst(name, runtime) : NEXT.runDoctor()],
  );
}
