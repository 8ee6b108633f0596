// Takes the place of node/runtime/driver.ts in the bundle under test: the same driver, with a point before every effect.

import type { Row } from "../../../node/core/kernel/rows.ts";
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
  const noteVotes = createVoteWitness();
  return createRealDriver({
    ...options,
    store: {
      persist(writeId, rows, done) {
        crashPoint(`persist ${rows.map((row) => row.table).join(" ")}`);
        noteVotes.onPersist(rows);
        options.store.persist(writeId, rows, done);
      },
    },
    perform: (effect) => {
      const name = describe(effect);
      crashPoint(name);
      noteVotes.onEffect(effect);
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

/**
 * `vote TERM CANDIDATE` and `claim TERM`: what must be the same for ever. A candidate asks others for their votes although it may not
 * give its own (it has no account yet, or abstains); only the row on its disk says whether it did.
 */
function createVoteWitness() {
  let ballot: { term: number; votedFor: number | null } = { term: 0, votedFor: null };
  return {
    onPersist(rows: readonly Row[]): void {
      for (const row of rows) if (row.table === "vote") ballot = row;
    },
    onEffect(effect: OuterEffect): void {
      if (effect.type !== "unicast" && effect.type !== "multicast") return;
      const message: Message = effect.message;
      const { sender_id: sender } = message;
      if (message.message_type === "ELECTION") {
        const { kind, term } = message.payload;
        if (kind === "vote" && ballot.term === term && ballot.votedFor === sender) witness(`vote ${term} ${sender}`);
      } else if (message.message_type === "OK") {
        const { kind, granted, round_term } = message.payload;
        if (kind === "vote" && granted && effect.type === "unicast") witness(`vote ${round_term} ${effect.to}`);
      } else if (message.message_type === "COORDINATOR") {
        const { elected, coordinator_id, term } = message.payload;
        if (elected && coordinator_id === sender) witness(`claim ${term}`);
      }
    },
  };
}
