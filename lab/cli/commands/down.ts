/** `down`: takes one lab away, or all of them, and says what wasn't there or couldn't be asked about. */
import { EXIT, type LabError, noSuchLab } from "../../base/lab-error.ts";
import type { Leftover } from "../../engine/engine.ts";
import type { CommandContext } from "./context.ts";

/** Nobody could be asked about the labs in Docker: says so, whatever was found elsewhere. */
export function sayUnasked(context: CommandContext, { exit, message, hints }: LabError): void {
  context.printer.say(`labs in Docker aren't listed: ${message}`);
  context.next(hints);
  context.setExitCode(EXIT[exit]);
}

export async function down(context: CommandContext, name: string | undefined, all: boolean): Promise<void> {
  const { printer, options } = context;
  context.finishOnInterrupt();
  if (!all) {
    const removed = await downOne(context, name ?? options.name);
    printer.clear();
    printer.data({ name: name ?? options.name, removed }, describeRemoved(name ?? options.name, removed));
    return;
  }
  const { names, unreachable } = await allNames(context);
  const results: { name: string; removed: readonly Leftover[] }[] = [];
  for (const lab of names) results.push({ name: lab, removed: await downOne(context, lab) });
  printer.clear();
  const lines = results.map((result) => describeRemoved(result.name, result.removed));
  printer.data(results, lines.length > 0 ? lines.join("\n") : unreachable === null ? "no labs" : "");
  if (unreachable !== null) sayUnasked(context, unreachable);
}

/** @throws LabError("notFound") when there is nothing of it anywhere */
async function downOne(context: CommandContext, lab: string): Promise<readonly Leftover[]> {
  const [{ takeDown }, { StateDir }] = await Promise.all([
    import("../../cluster/take-down.ts"),
    import("../../base/state-dir.ts"),
  ]);
  const { printer, options, progress, signal } = context;
  const state = new StateDir(lab);
  const had = (await state.list()).length > 0;
  try {
    await using _lock = await state.lock({
      purpose: "down",
      signal,
      onWait: (holder) => printer.say(`waiting for process ${holder.pid} (${holder.purpose})`),
    });
    progress({ step: "remove", state: "start", detail: lab });
    const removed = await takeDown(lab, options.runtime, progress);
    if (removed.length === 0 && !had) throw noSuchLab(lab);
    progress({ step: "remove", state: "done", detail: lab });
    return removed;
  } finally {
    // Of a lab that isn't there, not even the lock's folder may stay.
    if (!had) await state.remove();
  }
}

function describeRemoved(lab: string, removed: readonly Leftover[]): string {
  return removed.length === 0
    ? `removed what was left of lab "${lab}": its journal and records`
    : `removed lab "${lab}"`;
}

/** Labs of all runtimes, and those that only left a folder. */
async function allNames(context: CommandContext): Promise<{ names: readonly string[]; unreachable: LabError | null }> {
  const [{ listAll }, { listStateDirs }] = await Promise.all([
    import("../../cluster/inventory.ts"),
    import("../../base/state-dir.ts"),
  ]);
  const { labs, unreachable } = await listAll(context.options.runtime);
  // A folder may be about a lab in the Docker that can't be asked.
  const folders = context.options.runtime === "auto" && unreachable === null ? await listStateDirs() : [];
  return { names: [...new Set([...labs.map((lab) => lab.name), ...folders])].sort(), unreachable };
}
