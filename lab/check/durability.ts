/**
 * A node's acknowledgements survive its process: the books that it reported, its votes, and every debit of its own that any node has are
 * there again at its next start. Unless the lab took its disk away, or it has none.
 */
import type { Entry } from "../journal/entry.ts";
import { type Delivery, nameOf, readVector } from "../journal/story/deliveries.ts";
import type { Life } from "../journal/story/lives.ts";
import type { Story } from "../journal/story/story.ts";
import { type Checker, formatCount, type Line, type RunUnderCheck } from "./checker.ts";

/** The acknowledgements of one process. */
interface Memory {
  /** Its vector, and the line by which each number got there. */
  readonly clock: Map<number, number>;
  readonly lines: Map<number, Entry>;
  /** The highest term that it voted or led in. */
  promised: { readonly term: number; readonly entry: Entry } | null;
}

export const durability: Checker = {
  name: "durability",
  promise: "a restarted node has lost nothing that it had acknowledged",
  guards: "S5",
  needs: "details",
  open: (run) => {
    const memories = new WeakMap<Life, Memory>();
    /** By payer: the last debit of it that any node has. */
    const highest = new Map<number, Delivery>();
    let restarts = 0;
    return {
      take(line) {
        const { entry, life, delivery } = line;
        if (life === null) return;
        if (entry.books === "boot" && life.number > 0) {
          const before = run.story.lives.ofNode.get(life.node)?.[life.number - 1];
          if (before !== undefined && hasKeptDisk(run.story, before, entry)) {
            restarts += 1;
            const memory = memories.get(before);
            if (memory !== undefined) compare(run, memory, entry, before.isWhole);
            compareWithOthers(run, highest.get(life.node), entry);
          }
        }
        const memory = memories.get(life) ?? { clock: new Map(), lines: new Map(), promised: null };
        memories.set(life, memory);
        remember(memory, line);
        if (delivery !== null && delivery.seq > (highest.get(delivery.origin)?.seq ?? 0))
          highest.set(delivery.origin, delivery);
      },
      finish: () => ({ counted: `${formatCount(restarts)} restarts`, judged: restarts }),
    };
  },
};

function hasKeptDisk({ lives }: Story, before: Life, boot: Entry): boolean {
  if (boot.durable === false) return false;
  return !(lives.wiped.get(boot.node)?.some((atMs) => before.fromMs <= atMs && atMs <= boot.time) ?? false);
}

function remember(memory: Memory, { entry, life, delivery, replica }: Line): void {
  const { clock, lines } = memory;
  if (replica !== null && typeof entry.books === "string") {
    clock.clear();
    for (const [id, seq] of readVector(entry.vc)) clock.set(id, seq);
  } else if (replica !== null && typeof entry.account === "number") {
    if (!clock.has(entry.account)) clock.set(entry.account, 0);
  } else if (replica !== null && delivery !== null) {
    clock.set(delivery.origin, Math.max(delivery.seq, clock.get(delivery.origin) ?? 0));
    lines.set(delivery.origin, entry);
  }
  // A vote, and a term that was led, are on disk before anybody hears of them. Terms only heard of are written later.
  const leads = entry.role === "COORDINATOR" && entry.elected === true && entry.coordinator === life?.node;
  const term =
    entry.kind !== "election"
      ? undefined
      : typeof entry.vote_term === "number"
        ? entry.vote_term
        : leads
          ? entry.term
          : undefined;
  if (term !== undefined && term > (memory.promised?.term ?? -1)) memory.promised = { term, entry };
}

function compare({ report }: RunUnderCheck, { clock, lines, promised }: Memory, boot: Entry, isWhole: boolean): void {
  const now = readVector(boot.vc);
  for (const [id, seq] of isWhole ? clock : []) {
    const kept = now.get(id);
    if (kept !== undefined && kept >= seq) continue;
    const has = kept === undefined ? `doesn't know the account of node ${id}` : `has ${id}/${kept}`;
    report(
      `node ${boot.node} had ${id}/${seq} before its restart, and ${has} after it`,
      [lines.get(id), boot],
      boot.node,
    );
  }
  if (promised === null || typeof boot.seen !== "number" || promised.term <= boot.seen) return;
  const what = `node ${boot.node} has used term ${promised.term}, and knows of ${boot.seen} only after its restart`;
  report(what, [promised.entry, boot], boot.node);
}

/** Nothing leaves a payer that its disk could still forget: what others have of it is there at its next start. */
function compareWithOthers({ story, report }: RunUnderCheck, known: Delivery | undefined, boot: Entry): void {
  if (known === undefined || story.lives.wiped.has(boot.node)) return;
  const kept = readVector(boot.vc).get(boot.node) ?? 0;
  if (kept >= known.seq) return;
  const what = `node ${known.entry.node} has ${nameOf(known)}, and its payer starts again with ${boot.node}/${kept}`;
  report(what, [known.entry, boot], boot.node);
}
