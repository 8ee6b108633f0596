/**
 * The latencies between groups of a lab's nodes, as its file has them: `latency: { "zone:eu": { "zone:us": 50ms } }`. Each is a fault like those of
 * `lab netem`, set when the lab is up: `lab faults` shows it, and `lab heal` ends it.
 */
import * as z from "zod";
import { checkedBy } from "../base/checked-by.ts";
import { NO_IMPAIRMENT } from "../faults/fault.ts";
import type { FaultableLab } from "../faults/faultable-lab.ts";
import { parseDelayMs } from "../faults/parse-fault.ts";
import { resolveFault } from "../faults/request.ts";
import { setFault } from "../faults/service.ts";
import { parseSelector } from "./selectors.ts";

/** What packets between two groups take longer, each way. */
export interface Latency {
  readonly between: readonly [string, string];
  readonly delayMs: number;
}

const Group = z.string().superRefine(checkedBy(parseSelector));
/** A number is read for the complaint that says which unit to add. */
const Delay = z
  .union([z.string(), z.number()])
  .transform(String)
  .superRefine(checkedBy((text) => parseDelayMs(text, "latency")));

export const LatencyMatrix = z.record(Group, z.record(Group, Delay));

export function toLatencies(matrix: z.output<typeof LatencyMatrix>): readonly Latency[] {
  return Object.entries(matrix).flatMap(([one, row]) =>
    Object.entries(row).map(
      ([other, text]): Latency => ({ between: [one, other], delayMs: parseDelayMs(text, "latency") }),
    ),
  );
}

/** Sets them one after the other. @throws LabError as `lab netem` does */
export async function setLatencies(lab: FaultableLab, latencies: readonly Latency[]): Promise<void> {
  for (const { between, delayMs } of latencies) {
    const [from, nodes] = between;
    const impairment = { ...NO_IMPAIRMENT, delayMs };
    await setFault(lab, await resolveFault(lab, { verb: "netem", nodes, from, both: true, impairment, forMs: null }));
  }
}
