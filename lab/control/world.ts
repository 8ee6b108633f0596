/**
 * The world of the nodes as far as the lab needs it: their time, the way to them, and chance. The real one, or the simulator's,
 * in which all three come from a seed.
 */
import { randomBytes } from "node:crypto";
import { type LabClock, REAL_CLOCK } from "../base/lab-clock.ts";
import type { LabState } from "../base/lab-state.ts";
import { StateDir } from "../base/state-dir.ts";
import { type OpenControlTransport, openUdpControl } from "./udp-control.ts";

export interface World {
  readonly clock: LabClock;
  readonly openControl: OpenControlTransport;
  /** As many bytes that nobody can foresee. */
  readonly entropy: (bytes: number) => Buffer;
  /** The lab's own files about the lab of this name; the same at each call. */
  readonly openState: (lab: string) => LabState;
}

export const REAL_WORLD: World = {
  clock: REAL_CLOCK,
  openControl: openUdpControl,
  entropy: randomBytes,
  openState: (lab) => new StateDir(lab),
};

/** 20 characters that name one request for ever. */
export function newRequestId(world: World): string {
  return world.entropy(15).toString("base64url");
}

/** A number in [0, 1). */
export function drawFraction(world: World): number {
  return world.entropy(4).readUInt32BE() / 2 ** 32;
}
