/**
 * Everything that goes wrong without being anybody's bug: counted always, told in the journal now and then.
 */
import type { JournalLevel } from "../wire/journal.ts";
import type { Message } from "../wire/message.ts";
import type { Drop } from "./intake.ts";
import type { Journal } from "./journal-writer.ts";
import { createRateLimit, describeHeldBack } from "./rate-limit.ts";

export interface TroubleLog {
  onDrop(drop: Drop): void;
  onTransport(kind: string, message: string): void;
  onOversize(message: Message, bytes: number): void;
}

export function createTroubleLog(journal: Journal, count: (counter: string) => void): TroubleLog {
  const limit = createRateLimit();
  return {
    onDrop({ reason, detail, address, sender }) {
      count(`drop_${reason}`);
      // Our own multicast comes back to us: no trouble at all.
      if (reason === "own") return;
      const heldBack = limit.admit(`drop ${reason}`, performance.now());
      if (heldBack === null) return;
      // Doubles are what fan-out beside multicast makes, and what `duplicate` is for.
      const level: JournalLevel = reason === "replay" ? "debug" : "warn";
      const why = detail === "" ? reason : `${reason}, ${detail}`;
      journal.write({
        kind: "drop",
        level,
        msg: `Dropped a datagram from ${address}: ${why}${describeHeldBack(heldBack)}`,
        reason,
        ...(sender === null || sender === 0 ? {} : { from: sender }),
      });
    },
    onTransport(kind, message) {
      count(kind);
      const heldBack = limit.admit(`${kind} ${message.slice(0, 80)}`, performance.now());
      if (heldBack !== null) journal.note("warn", message + describeHeldBack(heldBack));
    },
    onOversize(message, bytes) {
      count("unsent_oversize");
      const heldBack = limit.admit("oversize", performance.now());
      if (heldBack !== null)
        journal.note("error", `Not sent: ${message.message_type} of ${bytes} B${describeHeldBack(heldBack)}`);
    },
  };
}
