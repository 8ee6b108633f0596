/**
 * The labs and leftovers on this machine, of all runtimes.
 */
import { rm } from "node:fs/promises";
import { LabError } from "../base/lab-error.ts";
import { isLocked } from "../base/lock.ts";
import { findProcess, sendSignal } from "../base/process-table.ts";
import { listDoomedDirs, listStateDirs, StateDir } from "../base/state-dir.ts";
import { type Engine, hasContainers, type LabInfo, type Leftover, type RuntimeName } from "../engine/engine.ts";
import { type Helper, listHelpers } from "../engine/helpers.ts";
import { readMadeRecord } from "./made-record.ts";
import { isAbsent, openEngine, type RuntimeChoice, runtimesOf } from "./open-engine.ts";

export interface Inventory {
  readonly labs: readonly LabInfo[];
  /** Why Docker, or its swarm, couldn't be asked; null: they were, or weren't to be, or there is none. */
  readonly unreachable: LabError | null;
}

export async function listAll(choice: RuntimeChoice): Promise<Inventory> {
  const results = await Promise.all(
    runtimesOf(choice).map((runtime) => ask(runtime, choice, (engine) => engine.labs())),
  );
  const labs = results.flatMap((result) => result.value ?? []);
  return {
    labs: labs.sort((a, b) => a.name.localeCompare(b.name)),
    unreachable: results.find((result) => result.error !== null)?.error ?? null,
  };
}

/** Something that `gc` removes, and how. */
export interface Garbage extends Leftover {
  remove(): Promise<void>;
}

/** Leftovers of both engines, labs whose `up` was killed, folders without a lab, helpers whose lab is gone. */
export async function findGarbage(
  choice: RuntimeChoice,
): Promise<{ garbage: readonly Garbage[]; unreachable: LabError | null }> {
  const garbage: Garbage[] = [];
  let unreachable: LabError | null = null;
  const labs = new Map<string, LabInfo>();
  for (const runtime of runtimesOf(choice)) {
    const found = await ask(runtime, choice, async (engine) => ({
      labs: await engine.labs(),
      left: await engine.leftovers(),
    }));
    unreachable ??= found.error;
    for (const lab of found.value?.labs ?? []) labs.set(lab.name, lab);
    for (const item of found.value?.left ?? []) garbage.push({ ...item, remove: () => collect(runtime, item) });
  }
  for (const lab of labs.values()) {
    if (await isAbandoned(lab.name)) garbage.push(abandonedLab(lab));
  }
  if (choice === "auto") {
    garbage.push(...(await staleFolders(labs, unreachable)));
    for (const helper of await listHelpers()) {
      // A lab in a Docker that can't be asked may still be there.
      const mayExist = labs.has(helper.lab) || (unreachable !== null && hasContainers(helper.runtime));
      if (!mayExist) garbage.push(lonelyHelper(helper));
    }
  }
  return { garbage, unreachable };
}

async function ask<T>(
  runtime: RuntimeName,
  choice: RuntimeChoice,
  question: (engine: Engine) => Promise<T>,
): Promise<{ value: T | null; error: LabError | null }> {
  try {
    await using engine = await openEngine(runtime);
    return { value: await question(engine), error: null };
  } catch (error) {
    if (choice !== "auto" || runtime === "local" || !(error instanceof LabError)) throw error;
    return { value: null, error: (await isAbsent(error, runtime)) ? null : error };
  }
}

async function collect(runtime: RuntimeName, item: Leftover): Promise<void> {
  await using engine = await openEngine(runtime);
  await engine.collect([item]);
}

/** The command that was bringing it up, or the program that made it for itself, is gone without taking it down. */
async function isAbandoned(name: string): Promise<boolean> {
  const { upBy: mark = null } = (await readMadeRecord(new StateDir(name))) ?? {};
  return mark !== null && (await findProcess(mark)) === null;
}

function abandonedLab(lab: LabInfo): Garbage {
  return {
    kind: hasContainers(lab.runtime) ? "container" : "process",
    id: lab.nodes.map((node) => node.handle).join(",") || "-",
    lab: lab.name,
    why: "the process that made it for itself, or was bringing it up, is gone",
    async remove() {
      await using engine = await openEngine(lab.runtime);
      await engine.destroyLab(lab.name, () => {});
      await new StateDir(lab.name).remove();
    },
  };
}

/** Folders of labs that no engine has. While Docker can't be asked, labs made there may still exist. */
async function staleFolders(
  labs: ReadonlyMap<string, LabInfo>,
  unreachable: LabError | null,
): Promise<readonly Garbage[]> {
  const stale: Garbage[] = [];
  for (const name of await listStateDirs()) {
    if (labs.has(name)) continue;
    const state = new StateDir(name);
    const record = await readMadeRecord(state);
    if (record?.runtime !== undefined && hasContainers(record.runtime) && unreachable !== null) continue;
    if (record?.upBy != null && (await findProcess(record.upBy)) !== null) continue;
    if (await isLocked(state)) continue;
    stale.push({
      kind: "directory",
      id: state.path,
      lab: name,
      why: "no such lab exists",
      remove: () => state.remove(),
    });
  }
  for (const path of await listDoomedDirs()) {
    const remove = () => rm(path, { recursive: true, force: true });
    stale.push({ kind: "directory", id: path, lab: "-", why: "its removal was interrupted", remove });
  }
  return stale;
}

function lonelyHelper(helper: Helper): Garbage {
  return {
    kind: "process",
    id: String(helper.pid),
    lab: helper.lab,
    why: `was to resume node ${helper.node}, but the lab is gone`,
    remove() {
      sendSignal(helper.pid, "SIGKILL");
      return Promise.resolve();
    },
  };
}
