/**
 * The world of the nodes as far as the lab needs it: their time, the way to them, and chance. The real one (real-world.ts), or the
 * simulator's, in which all of it comes from a seed.
 */
import type { Authenticator } from "../../node/wire/envelope.ts";
import { toBase64Url } from "../base/bytes.ts";
import type { LabClock } from "../base/lab-clock.ts";
import type { LabState } from "../base/lab-state.ts";
import type { ProcessMark } from "../base/process-table.ts";
import type { OpenControlTransport } from "./udp-control.ts";

export interface World {
  readonly clock: LabClock;
  readonly openControl: OpenControlTransport;
  /** Seals requests to the nodes of the lab with this token; null: the public one. */
  readonly controlKey: (token: string | null) => Authenticator;
  /** As many bytes that nobody can foresee. */
  readonly entropy: (bytes: number) => Uint8Array;
  /** The lab's own files about the lab of this name; the same at each call. */
  readonly openState: (lab: string) => LabState;
  /** This process, as others can find it; null: the world lives and ends with it. */
  readonly ownProcess: () => Promise<ProcessMark | null>;
}

/** 20 characters that name one request for ever. */
export function newRequestId(world: World): string {
  return toBase64Url(world.entropy(15));
}

/** A number in [0, 1). */
export function drawFraction(world: World): number {
  const [a = 0, b = 0, c = 0, d = 0] = world.entropy(4);
  return (((a * 256 + b) * 256 + c) * 256 + d) / 2 ** 32;
}
