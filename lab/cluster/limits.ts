/** What a container may use: far above what a node of a small lab needs, so that one that goes wild doesn't take the machine with it. */
import * as z from "zod";
import { LabError } from "../base/lab-error.ts";
import { checkedBy } from "../base/yaml-file.ts";
import type { Limits, RuntimeName } from "../engine/engine.ts";

const UNIT_BYTES: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
/** A node of three uses 27 MB and 7 processes and threads; applying faults takes a few more. */
const MEMORY_BYTES_MIN = 64 * 1024 ** 2;
const MEMORY_BYTES_MAX = 1024 ** 4;
const [PIDS_MIN, PIDS_MAX] = [32, 4_194_304];

/** Bytes: `256m`, `1.5GB`, in powers of 1024 as Docker's own. @throws LabError("usage") */
export function parseMemory(text: string, option: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?|\.\d+)([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = UNIT_BYTES[/^([kmg])(i?b)?$/i.exec(unit)?.[1]?.toLowerCase() ?? ""];
  if (number !== undefined && unit === "")
    throw new LabError("usage", `${option}: ${text} has no unit`, `write ${text}MB`);
  if (number === undefined || factor === undefined)
    throw new LabError("usage", `${option}: "${text}" isn't an amount of memory`, "write 256MB or 1GB");
  const bytes = Math.round(Number(number) * factor);
  if (bytes >= MEMORY_BYTES_MIN && bytes <= MEMORY_BYTES_MAX) return bytes;
  throw new LabError("usage", `${option}: a node can't have ${text}`, "write 64MB to 1024GB");
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
  if (runtime !== "docker") {
    const where = { local: "local processes", swarm: "the nodes of a swarm", sim: "simulated nodes" }[runtime];
    const message = `${where} have no limits of memory and processes: only one engine's containers have`;
    throw new LabError("unsupported", message, "use --runtime docker, or leave memory and pids out");
  }
  if (memoryBytes !== undefined) parseMemory(`${memoryBytes / 1024}k`, "memory");
  if (pids !== undefined) parsePids(`${pids}`, "pids");
}

/** The fields of a file. */
export const LIMIT_FIELDS = {
  memory: z
    .union([z.string(), z.number()])
    .transform(String)
    .superRefine(checkedBy((text) => parseMemory(text, "memory")))
    .optional()
    .meta({ description: "how much memory a container may use: 256MB (default: 1GB)" }),
  pids: z
    .int()
    .min(PIDS_MIN)
    .max(PIDS_MAX)
    .optional()
    .meta({ description: "how many processes and threads a container may have (default: 1024)" }),
};
