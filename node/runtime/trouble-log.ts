/**
 * Journal lines about what goes wrong without being a bug of this node. A rate limit keeps them few.
 */
import type { DropReason } from "../wire/envelope.ts";
import type { JournalLevel } from "../wire/journal.ts";
import type { Message } from "../wire/message.ts";
import type { Drop } from "./intake.ts";
import type { Journal } from "./journal-writer.ts";
import type { Clock } from "./ports.ts";
import { createRateLimit, describeHeldBack } from "./rate-limit.ts";

export interface TroubleLog {
  onDrop(drop: Drop): void;
  onTrouble(kind: string, message: string): void;
  onOversize(message: Message, bytes: number): void;
}

const ORDINARY: ReadonlySet<DropReason> = new Set(["replay", "out_of_window", "misaddressed"]);

export function createTroubleLog(journal: Journal, clock: Clock): TroubleLog {
  const limit = createRateLimit();
  return {
    onDrop({ reason, detail, address, sender }) {
      // Our own multicast comes back to us: no trouble at all.
      if (reason === "own") return;
      const heldBack = limit.admit(`drop ${reason}`, clock.nowMs());
      if (heldBack === null) return;
      // Doubles are what fan-out beside multicast makes, and after a restart peers go on for a moment to write to the last process.
      const level: JournalLevel = ORDINARY.has(reason) ? "debug" : "warn";
      const why = detail === "" ? reason : `${reason}, ${detail}`;
      journal.write({
        kind: "drop",
        level,
        msg: `Dropped a datagram from ${address}: ${why}${describeHeldBack(heldBack)}`,
        reason,
        ...(sender === null || sender === 0 ? {} : { from: sender }),
      });
    },
    onTrouble(kind, message) {
      const heldBack = limit.admit(`${kind} ${message.slice(0, 80)}`, clock.nowMs());
      if (heldBack !== null) journal.note("warn", message + describeHeldBack(heldBack));
    },
    onOversize(message, bytes) {
      const heldBack = limit.admit("oversize", clock.nowMs());
      if (heldBack !== null)
        journal.note("error", `Not sent: ${message.message_type} of ${bytes} B${describeHeldBack(heldBack)}`);
    },
  };
}
