// Takes the place of node/runtime/driver.ts in the bundle under test: the same driver, with a point before every effect.

import {
  createDriver as createRealDriver,
  type Driver,
  type DriverOptions,
  type OuterEffect,
} from "../../../node/runtime/driver.ts";
import type { Message } from "../../../node/wire/message.ts";
import { crashPoint, witness } from "./points.ts";

export type { Driver, DriverOptions, Machine, OuterEffect } from "../../../node/runtime/driver.ts";

export function createDriver(options: DriverOptions): Driver {
  return createRealDriver({
    ...options,
    store: {
      persist(writeId, rows, done) {
        crashPoint(`persist ${rows.map((row) => row.table).join(" ")}`);
        options.store.persist(writeId, rows, done);
      },
    },
    perform: (effect) => {
      const name = describe(effect);
      crashPoint(name);
      noteVotes(effect);
      options.perform(effect);
      if (effect.type === "reply") crashPoint(`after ${name}`);
    },
  });
}

function describe(effect: OuterEffect): string {
  switch (effect.type) {
    case "multicast":
      return `send ${effect.message.message_type} to all`;
    case "unicast":
      return `send ${effect.message.message_type} to ${effect.to}`;
    case "reply":
      return effect.final ? "reply" : "reply taken up";
    case "journal":
      return `journal ${effect.event.kind}`;
    default:
      return effect.type;
  }
}

/** `vote TERM CANDIDATE` and `claim TERM`: what must be the same for ever. */
function noteVotes(effect: OuterEffect): void {
  if (effect.type !== "unicast" && effect.type !== "multicast") return;
  const message: Message = effect.message;
  if (message.message_type === "ELECTION" && message.payload.kind === "vote")
    witness(`vote ${message.payload.term} ${message.sender_id}`);
  if (
    message.message_type === "OK" &&
    message.payload.kind === "vote" &&
    message.payload.granted &&
    effect.type === "unicast"
  )
    witness(`vote ${message.payload.round_term} ${effect.to}`);
  if (
    message.message_type === "COORDINATOR" &&
    message.payload.elected &&
    message.payload.coordinator_id === message.sender_id
  )
    witness(`claim ${message.payload.term}`);
}
