/** A record that came too early is held back for its causes, and not for ever: in the end it is delivered, if it is anywhere. */
import type { Entry } from "../journal/entry.ts";
import type { Life } from "../journal/story/lives.ts";
import { append } from "../journal/story/span.ts";
import { type Checker, formatCount } from "./checker.ts";
import { OutcomeFold } from "./outcome.ts";

export const nothingHeld: Checker = {
  name: "nothing-held",
  promise: "no message is held back for ever",
  guards: "S4",
  needs: "details",
  open: ({ report }) => {
    const outcome = new OutcomeFold();
    const held = new Map<Life, Entry[]>();
    let count = 0;
    return {
      take(line) {
        outcome.take(line);
        const { entry, life } = line;
        if (life === null || entry.kind !== "hold" || entry.released === true) return;
        count += 1;
        append(held, life, entry);
      },
      finish: (ending) => {
        const counted = `${formatCount(count)} held back`;
        const judged = count;
        const result = outcome.finish(ending);
        if (typeof result === "string") return { counted, judged, open: result };
        for (const { life, clock } of result.finals) {
          const seen = new Set<string>();
          for (const entry of held.get(life) ?? []) {
            const { from = 0, record_seq: seq = 0 } = entry;
            const name = `${from}/${seq}`;
            if (seen.has(name) || (clock.get(from) ?? 0) >= seq) continue;
            seen.add(name);
            if ((result.due.get(from)?.seq ?? 0) < seq) continue;
            report(`node ${life.node} holds ${name} back to the end`, [entry]);
          }
        }
        return { counted, judged };
      },
    };
  },
};
