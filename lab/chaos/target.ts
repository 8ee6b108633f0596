/**
 * Where a chaos run takes place: the runtime for a lab of its own, or what there is to know of a lab that exists.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import { chooseEngine, type RuntimeChoice } from "../cluster/open-engine.ts";
import { openHandle } from "../cluster/open-handle.ts";
import type { ScenarioRuntime } from "../scenario/scenario-schema.ts";
import type { ExistingLab } from "./chaos-options.ts";

export interface ChaosTarget {
  readonly runtime: ScenarioRuntime;
  /** Null: a lab is made. */
  readonly existing: (ExistingLab & { readonly name: string }) | null;
}

export interface TargetOptions {
  readonly runtime: RuntimeChoice;
  /** The lab that exists. */
  readonly on?: string;
  readonly signal: AbortSignal;
  /** Told why Docker isn't used. */
  readonly onFallback: (why: string) => void;
}

/** @throws LabError when that lab isn't there or isn't whole, or no engine answers */
export async function findTarget({ runtime, on, signal, onFallback }: TargetOptions): Promise<ChaosTarget> {
  if (on !== undefined) return await describeExisting(on, runtime, signal);
  if (runtime !== "auto") return { runtime, existing: null };
  await using engine = await chooseEngine(runtime, { signal, onFallback });
  return { runtime: engine.name, existing: null };
}

async function describeExisting(name: string, runtime: RuntimeChoice, signal: AbortSignal): Promise<ChaosTarget> {
  await using lab = await openHandle(name, { runtime, signal });
  const { profile } = lab.info;
  // The schedule counts on all of them: it knows whom it took down itself.
  const missing = lab.ids.filter((id) => !lab.running.includes(id));
  if (missing.length > 0) {
    const which = missing.length === 1 ? `node ${missing[0]} doesn't` : `nodes ${missing.join(", ")} don't`;
    throw new LabError("failed", `${which} run: chaos begins with a lab whose nodes all do`, NEXT.startAllNodes());
  }
  return { runtime: lab.info.runtime, existing: { name, ids: lab.ids, profile, hosts: groupByHost(lab) } };
}

function groupByHost({ info }: LabHandle): readonly (readonly NodeId[])[] {
  const placed = info.nodes.filter(({ host }) => host !== undefined);
  return [...Map.groupBy(placed, ({ host }) => host).values()].map((nodes) => nodes.map(({ id }) => id));
}
