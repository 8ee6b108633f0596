/** The world of real nodes: the machine's clock, sockets, chance and disk. */
import * as crypto from "node:crypto";
import { controlAuthenticator } from "../../node/wire/control-frame.ts";
import { REAL_CLOCK } from "../base/lab-clock.ts";
import { ownMark } from "../base/process-table.ts";
import { StateDir } from "../base/state-dir.ts";
import { openUdpControl } from "./udp-control.ts";
import type { World } from "./world.ts";

export const REAL_WORLD: World = {
  clock: REAL_CLOCK,
  openControl: openUdpControl,
  controlKey: (token) => controlAuthenticator(token, crypto),
  entropy: crypto.randomBytes,
  openState: (lab) => new StateDir(lab),
  ownProcess: ownMark,
};
