/** What a container may use: far above what a node of a small lab needs, so that one that goes wild doesn't take the machine with it. */
import * as z from "zod";
import { LabError } from "../base/lab-error.ts";
import { BytesField, parseBytes } from "../base/memory.ts";
import type { Limits, RuntimeName } from "../engine/engine.ts";

/** A node of three uses 27 MB and 7 processes and threads; applying faults takes a few more. */
const MEMORY_BYTES_MIN = 64 * 1024 ** 2;
const [PIDS_MIN, PIDS_MAX] = [32, 4_194_304];

/** As `parseBytes`, and enough for a node. @throws LabError("usage") */
export function parseMemory(text: string, option: string): number {
  return parseBytes(text, option, MEMORY_BYTES_MIN);
}

/** Processes and threads. @throws LabError("usage") */
export function parsePids(text: string, option: string): number {
  const pids = Number(text);
  if (/^\d+$/.test(text) && pids >= PIDS_MIN && pids <= PIDS_MAX) return pids;
  throw new LabError(
    "usage",
    `${option}: a node can't have ${text} processes`,
    `write a number from ${PIDS_MIN} to ${PIDS_MAX}`,
  );
}

/** @throws LabError("unsupported") where nothing would limit the nodes; LabError("usage") for values that can't be */
export function checkLimits({ memoryBytes, pids }: Limits, runtime: RuntimeName): void {
  if (memoryBytes === undefined && pids === undefined) return;
  if (runtime === "local" || runtime === "sim") {
    const message = `${runtime === "sim" ? "simulated nodes" : "local processes"} have no limits of memory and processes: only containers have`;
    throw new LabError("unsupported", message, "use --runtime docker or swarm, or leave memory and pids out");
  }
  if (memoryBytes !== undefined) parseMemory(`${memoryBytes / 1024}k`, "memory");
  if (pids !== undefined) parsePids(`${pids}`, "pids");
}

/** The fields of a file. */
export const LIMIT_FIELDS = {
  memory: BytesField((text) => parseMemory(text, "memory"))
    .optional()
    .meta({ description: "how much memory a container may use: 256MB (default: 1GB)" }),
  pids: z
    .int()
    .min(PIDS_MIN)
    .max(PIDS_MAX)
    .optional()
    .meta({ description: "how many processes and threads a container may have (default: 1024)" }),
};
