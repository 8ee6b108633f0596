// The heartbeat that tests change one field of.
import type { Payload } from "../../node/wire/message.ts";

/** The heartbeat of a member without debits that follows no coordinator and knows of no trouble. */
export const CALM_BEAT: Payload<"HEARTBEAT"> = {
  credits: 100,
  coordinator_id: null,
  term: 0,
  elected: false,
  rinc: 0,
  phase: "READY",
  hb_seq: 1,
  digest: new Map(),
  ledger_hash: "0000000000000000",
  boot_seq: 0,
  voters_hash: "0000000000000000",
  proto: { min: 2, max: 2 },
  rumours: [],
};
