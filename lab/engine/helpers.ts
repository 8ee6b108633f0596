/**
 * Detached helper processes that end a timed pause: a paused node can't wake itself up, and the CLI may be killed.
 *
 * Idea: the helper is this CLI again, with a hidden verb. Its process carries the lab's name and the node in its environment, so it
 * is found without any file; `pause`, `resume`, `stop`, `rm` and `down` end it, `gc` removes those whose lab is gone.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { findByEnvironment, sendSignal } from "../base/process-table.ts";
import { stateRoot } from "../base/state-dir.ts";
import type { RuntimeName } from "./engine.ts";
import { projectRoot } from "./node-bundle.ts";

const VARIABLE = "ENERGY_LAB_HELPER";
/** The hidden verb: `lab resume-at <lab> <runtime> <id> <unix milliseconds>`. */
const RESUME_VERB = "resume-at";

export interface Helper {
  readonly pid: number;
  readonly lab: string;
  readonly runtime: RuntimeName;
  readonly node: NodeId;
  /** Wall clock, milliseconds. */
  readonly untilMs: number;
}

/** Starts the process that resumes node `id` at `untilMs`, whatever becomes of this one. */
export async function startResumer(lab: string, runtime: RuntimeName, id: NodeId, untilMs: number): Promise<void> {
  const entry = join(projectRoot(), "dist", "lab.js");
  const child = spawn(process.execPath, [entry, RESUME_VERB, lab, runtime, String(id), String(untilMs)], {
    detached: true,
    windowsHide: true,
    stdio: "ignore",
    env: { ...process.env, [VARIABLE]: encodeURI(`${lab}/${runtime}/${id}/${untilMs}${stateRoot()}`) },
  });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
  } catch (error) {
    throw new LabError(
      "failed",
      `nothing could be started that ends the pause: ${(error as Error).message}`,
      NEXT.resumeNodes([id]),
      {
        cause: error,
      },
    );
  }
  child.unref();
}

/** Helpers of labs below our state folder. */
export async function listHelpers(): Promise<readonly Helper[]> {
  const helpers: Helper[] = [];
  for (const { pid, value } of await findByEnvironment(VARIABLE)) {
    const match = /^([^/]+)\/(docker|swarm|local)\/(\d+)\/(\d+)(\/.*)$/.exec(decodeURI(value));
    if (match?.[1] === undefined || match[5] !== stateRoot() || pid === process.pid) continue;
    const runtime = match[2] as RuntimeName;
    helpers.push({ pid, lab: match[1], runtime, node: Number(match[3]), untilMs: Number(match[4]) });
  }
  return helpers;
}

/** Ends the helpers of a lab, or of one node of it. */
export async function cancelHelpers(lab: string, id?: NodeId): Promise<void> {
  for (const helper of await listHelpers()) {
    if (helper.lab === lab && (id === undefined || helper.node === id)) sendSignal(helper.pid, "SIGKILL");
  }
}
