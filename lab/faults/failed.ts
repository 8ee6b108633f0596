/**
 * When a change of the faults fails on some nodes: a new fault is taken back from the others, a healed one stays in the list where it may
 * be in force, and what somebody else set meanwhile is read back. So the list never says what isn't so.
 */
import { type Hints, toHints } from "../base/hint.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import type { KernelFaults } from "../engine/engine.ts";
import { type Applied, applyFaults, isForeign } from "./apply.ts";
import type { Fault, FaultList } from "./fault.ts";
import { adoptForeign, writeFaults } from "./fault-store.ts";
import type { FaultableLab } from "./faultable-lab.ts";
import { groupById, stamp } from "./list.ts";

/** Brings the nodes back to the list before a fault that failed. Resolves to what has to be said. */
export async function takeBack(
  lab: FaultableLab,
  applied: Applied,
  before: FaultList,
  kernel: KernelFaults,
): Promise<LabError> {
  const [first] = applied.failures.values();
  if (first === undefined) throw new Error("nothing failed");
  const failed = [...applied.failures.keys()];
  const { generation, nextId, nodes } = applied.list;
  const former = { ...before, generation: generation + 1, nextId, nodes };
  const isLost = [...applied.failures.values()].some((failure) => failure.exit === "engineUnreachable");
  if (isLost) {
    await writeFaults(lab, former);
    return extend(first, "the fault may be in force on some nodes", [NEXT.healAll()], { failed });
  }
  const { list: adopted, found } = await adopt(lab, former, kernel, applied);
  const list = stamp(adopted, lab.clock.wallMs());
  const undone = await applyFaults(lab, list, kernel, { previous: applied.list, force: failed });
  if (undone.failures.size > 0) {
    const where = [...undone.failures.keys()].join(",");
    return extend(first, `the fault is taken back, except on ${where}, which may have it`, [NEXT.healAll()], {
      failed,
    });
  }
  if (found !== "")
    return new LabError("failed", `${found}; nothing was changed`, [NEXT.listFaults(), "then repeat the command"]);
  return extend(first, "the fault is taken back from all nodes", [], { failed });
}

/** The list with what nodes have that refused because somebody else changed them, and that in words; empty: none did. */
export async function adopt(
  lab: FaultableLab,
  list: FaultList,
  kernel: KernelFaults,
  { failures }: Applied,
): Promise<{ list: FaultList; found: string }> {
  const refused = [...failures].flatMap(([id, failure]) => (isForeign(failure) ? [id] : []));
  if (refused.length === 0) return { list, found: "" };
  const adopted = await adoptForeign(lab, list, kernel, refused);
  const own = new Set(list.faults.map((fault) => fault.id));
  const others = groupById(adopted.faults.filter((fault) => refused.includes(fault.to) && !own.has(fault.id)));
  const what =
    others.length === 0 ? "healed faults" : `set ${others.map(([fault]) => `${fault.id} (${fault.cause})`).join(", ")}`;
  return { list: adopted, found: `somebody else ${what} on node ${refused.join(",")} meanwhile` };
}

/** Faults that aren't healed stay in the list, so that it shows them and the next command heals them. */
export async function keepUnhealed(
  lab: FaultableLab,
  applied: Applied,
  healed: readonly Fault[],
  kernel: KernelFaults,
): Promise<LabError> {
  const [first] = applied.failures.values();
  if (first === undefined) throw new Error("nothing failed");
  const failed = [...applied.failures.keys()];
  const stays = healed.filter((fault) => failed.includes(fault.to));
  const left = { ...applied.list, faults: [...applied.list.faults, ...stays] };
  const { list, found } = await adopt(lab, left, kernel, applied).catch(() => ({ list: left, found: "" }));
  await writeFaults(lab, list);
  if (found !== "") return new LabError("failed", found, [NEXT.listFaults(), "then repeat the command"]);
  return extend(first, `on node ${failed.join(",")} the faults may still be in force`, ["repeat the command"], {
    failed,
  });
}

function extend(error: LabError, what: string, hints: Hints, details: Readonly<Record<string, unknown>>): LabError {
  return new LabError(error.exit, `${error.message}; ${what}`, [...toHints(hints), ...error.hints], {
    cause: error,
    details: { ...error.details, ...details },
  });
}
