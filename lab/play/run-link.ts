/**
 * A run as the end of an address: what decides it, as JSON, deflated. Opening the address plays the same run.
 *
 * A link comes from anywhere: it is bounded before and after it is inflated, and read by the scenario's own schema.
 */
import * as z from "zod";
import { toBase64Url } from "../base/bytes.ts";
import { LabError } from "../base/lab-error.ts";
import { Scenario } from "../scenario/scenario-schema.ts";
import { BUGS } from "../sim/bugs/bug-cases.ts";
import type { PlaySpec } from "./play-protocol.ts";
import { scenarioOf } from "./play-scenario.ts";

/** Raised when an older page would play another run from the same link. */
export const LINK_VERSION = 3;
const LINK_CHARS_MAX = 8_192;
const JSON_BYTES_MAX = 1 << 20;
/** An hour of virtual time. */
const UNTIL_MS_MAX = 3_600_000;
export const PLAY_NODES_MAX = 20;

export interface LinkedRun {
  readonly spec: PlaySpec;
  /** How long it was looked at. */
  readonly untilMs: number;
  /** Another version of the lab wrote it: it may play another run. */
  readonly isOtherVersion: boolean;
}

const Link = z.object({
  v: z.number(),
  seed: z
    .int()
    .min(0)
    .max(2 ** 31),
  nodes: z.int().min(1).max(PLAY_NODES_MAX),
  bug: z.string().nullable(),
  profile: z.literal("fast").optional(),
  scenario: z.string().max(JSON_BYTES_MAX).optional(),
  until: z.number().min(0).max(UNTIL_MS_MAX),
  steps: z.array(z.unknown()).max(1_000),
});

const AGAIN = "ask for the link once more, or start a run of your own";

/** @throws LabError("failed") for a run that is too long for an address, or too large for a page: it can be saved as a scenario */
export async function writeLink(spec: PlaySpec, untilMs: number): Promise<string> {
  const { seed, nodes, bug, profile, scenario, steps } = spec;
  if (nodes > PLAY_NODES_MAX)
    throw new LabError(
      "failed",
      `the playground has room for ${PLAY_NODES_MAX} nodes, and this run had ${nodes}`,
      "play its scenario in virtual time",
    );
  const json = JSON.stringify({
    v: LINK_VERSION,
    seed,
    nodes,
    bug,
    profile,
    scenario,
    until: Math.round(Math.min(untilMs, UNTIL_MS_MAX) * 1_000) / 1_000,
    steps,
  });
  const packed = await transform(new TextEncoder().encode(json), new CompressionStream("deflate-raw"), JSON_BYTES_MAX);
  const link = toBase64Url(packed);
  if (link.length <= LINK_CHARS_MAX) return link;
  throw new LabError("failed", "this run is too long for a link", "save it as a scenario");
}

/** @throws LabError("usage") with a sentence for the person who opened it */
export async function readLink(link: string): Promise<LinkedRun> {
  if (link.length > LINK_CHARS_MAX) throw new LabError("usage", "this link is too long to be a run", AGAIN);
  const parsed = Link.safeParse(await unpack(link));
  if (!parsed.success) throw new LabError("usage", "this link doesn't hold a run", AGAIN);
  const { v, until, steps, ...world } = parsed.data;
  const { bug, scenario } = world;
  if (bug !== null && !BUGS.some(({ name }) => name === bug))
    throw new LabError("usage", `this link wants a bug that this version doesn't know: ${bug.slice(0, 40)}`, AGAIN);
  const spec = readSteps({ ...world, steps: steps as PlaySpec["steps"] });
  // A scenario that can't be read, or needs a cable or a kernel, says so itself.
  if (scenario !== undefined) scenarioOf(spec);
  return { spec, untilMs: until, isOtherVersion: v !== LINK_VERSION };
}

/** The same, with steps as the scenario's schema reads them. @throws LabError("usage") */
export function readSteps(spec: PlaySpec): PlaySpec {
  if (spec.steps.length === 0) return spec;
  const parsed = Scenario.safeParse(scenarioOf({ ...spec, scenario: undefined }));
  if (!parsed.success) throw new LabError("usage", "a step of this run can't be read", AGAIN);
  return { ...spec, steps: parsed.data.steps };
}

async function unpack(link: string): Promise<unknown> {
  try {
    const text = atob(link.replaceAll("-", "+").replaceAll("_", "/"));
    const packed = Uint8Array.from(text, (char) => char.charCodeAt(0));
    const json = await transform(packed, new DecompressionStream("deflate-raw"), JSON_BYTES_MAX);
    return JSON.parse(new TextDecoder().decode(json));
  } catch {
    throw new LabError("usage", "this link is damaged: a part of it is missing or changed", AGAIN);
  }
}

/** @throws RangeError when more than `bytesMax` come out */
async function transform(
  bytes: Uint8Array,
  through: CompressionStream | DecompressionStream,
  bytesMax: number,
): Promise<Uint8Array> {
  const reader = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(through).getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = (await reader.read()) as { done: boolean; value?: Uint8Array };
    if (done || value === undefined) break;
    size += value.length;
    if (size > bytesMax) {
      await reader.cancel();
      throw new RangeError(`more than ${bytesMax} bytes`);
    }
    parts.push(value);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
