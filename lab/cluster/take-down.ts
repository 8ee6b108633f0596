/** The end of a lab: `down`, and what takes back a lab that was half made. */
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { StateDir } from "../base/state-dir.ts";
import type { Leftover, Progress } from "../engine/engine.ts";
import { cancelHelpers } from "../engine/helpers.ts";
import { readMadeRecord } from "./made-record.ts";
import { describeRuntime, isAbsent, openEngine, type RuntimeChoice, runtimesOf } from "./open-engine.ts";

/**
 * Removes a lab from every runtime that has something of it, whatever state it is in; safe to repeat. The lab's files belong to the
 * runtime that made it: who removes it from another one leaves them alone.
 * @returns what was removed; empty: there was nothing
 * @throws LabError("notFound") when only another runtime than `choice` has it
 */
export async function takeDown(
  name: string,
  choice: RuntimeChoice,
  progress: Progress,
  options: { readonly keepFolder?: boolean } = {},
): Promise<readonly Leftover[]> {
  const state = choice === "sim" ? (await openEngine("sim")).world.openState(name) : new StateDir(name);
  const { runtime: madeIn = null } = (await readMadeRecord(state)) ?? {};
  const isElsewhere = choice !== "auto" && madeIn !== null && madeIn !== choice;
  if (choice !== "sim" && !isElsewhere) await cancelHelpers(name);
  const removed: Leftover[] = [];
  for (const runtime of runtimesOf(choice)) {
    try {
      await using engine = await openEngine(runtime);
      removed.push(...(await engine.destroyLab(name, progress)));
    } catch (error) {
      if (choice !== "auto" || !(error instanceof LabError) || error.exit !== "engineUnreachable") throw error;
      // Docker may have the lab, unless it was found in the other runtime, or there is no Docker.
      const isFound = removed.length > 0 && madeIn !== runtime;
      if (!isFound && !(await isAbsent(error, runtime))) throw error;
    }
    if (choice === "auto" && runtime === "local" && removed.length > 0 && madeIn === "local") break;
  }
  if (isElsewhere) {
    if (removed.length > 0) return removed;
    throw new LabError(
      "notFound",
      `lab "${name}" was made in ${describeRuntime(madeIn)}, not where --runtime ${choice} looks`,
      NEXT.removeLab(name, madeIn),
    );
  }
  if (options.keepFolder !== true) await state.remove();
  return removed;
}
