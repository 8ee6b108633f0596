/**
 * What nodes live in, as far as the lab has to do with it: their time, the way to them, and chance. The real one, or the simulator's,
 * in which all three come from a seed.
 */
import { randomBytes } from "node:crypto";
import { type LabClock, REAL_CLOCK } from "./clock.ts";
import { type OpenControlTransport, openUdpControl } from "./control-transport.ts";

export interface World {
  readonly clock: LabClock;
  readonly openControl: OpenControlTransport;
  /** As many bytes that nobody can foresee. */
  readonly entropy: (bytes: number) => Buffer;
}

export const REAL_WORLD: World = { clock: REAL_CLOCK, openControl: openUdpControl, entropy: randomBytes };

/** 20 characters that name one request for ever. */
export function newRequestId(world: World): string {
  return world.entropy(15).toString("base64url");
}
