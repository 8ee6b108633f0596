/**
 * What a node acknowledged survives its process: what it had told of its books, its votes, and every debit of its own that anybody has, is
 * there again at its next start. Unless the lab took its disk away, or it has none.
 */
import { defineChecker, formatCount } from "./define.ts";
import { walkReplica } from "./replica.ts";
import { type Delivery, type Life, nameOf, readDelivery, readVector, type Story } from "./story.ts";
import type { Violation } from "./verdict.ts";

export const durability = defineChecker({
  name: "durability",
  promise: "a restarted node has lost nothing that it had acknowledged",
  needs: "details",
  find: (story) => {
    const violations: Violation[] = [];
    let restarts = 0;
    for (const lives of story.livesOf.values()) {
      for (const [index, life] of lives.entries()) {
        const before = lives[index - 1];
        if (before === undefined || life.boot === null || !hasKeptDisk(story, before, life)) continue;
        restarts += 1;
        violations.push(...findForgotten(before, life), ...findForgottenTerm(before, life));
      }
    }
    violations.push(...findTakenBack(story));
    return { violations, counted: `${formatCount(restarts)} restarts` };
  },
});

function hasKeptDisk({ wiped }: Story, before: Life, life: Life): boolean {
  if (life.boot?.durable === false) return false;
  const bornAtMs = before.entries[0]?.time ?? 0;
  const bootMs = life.boot?.time ?? 0;
  return !(wiped.get(life.node)?.some((atMs) => bornAtMs <= atMs && atMs <= bootMs) ?? false);
}

function findForgotten(before: Life, life: Life): readonly Violation[] {
  const last = walkReplica(before);
  const { boot } = life;
  if (last === null || boot === null) return [];
  const now = readVector(boot.vc);
  const violations: Violation[] = [];
  for (const [id, seq] of last.clock) {
    const kept = now.get(id);
    if (kept !== undefined && kept >= seq) continue;
    const has = kept === undefined ? `doesn't know the account of node ${id}` : `has ${id}/${kept}`;
    const what = `node ${life.node} had ${id}/${seq} before its restart, and ${has} after it`;
    const line = before.entries.findLast((entry) => {
      const delivery = readDelivery(entry);
      return delivery?.origin === id && delivery.seq === seq;
    });
    violations.push({ what, proof: line === undefined ? [boot] : [line, boot] });
  }
  return violations;
}

/** A vote, and a term that was led, are on disk before anybody hears of them. Terms only heard of are written later. */
function findForgottenTerm(before: Life, life: Life): readonly Violation[] {
  const { boot } = life;
  if (boot === null || typeof boot.seen !== "number") return [];
  const seen = boot.seen;
  const promised = before.entries.find((entry) => {
    if (typeof entry.vote_term === "number") return entry.vote_term > seen;
    const leads = entry.kind === "election" && entry.role === "COORDINATOR" && entry.elected === true;
    return leads && entry.coordinator === life.node && (entry.term ?? 0) > seen;
  });
  if (promised === undefined) return [];
  const term = promised.vote_term ?? promised.term;
  const what = `node ${life.node} has used term ${String(term)}, and knows of ${seen} only after its restart`;
  return [{ what, proof: [promised, boot] }];
}

/** Nothing leaves a payer that its disk could still forget: what others have of it is there at its next start. */
function findTakenBack(story: Story): readonly Violation[] {
  const highest = new Map<number, Delivery>();
  const violations: Violation[] = [];
  const previous = new Map<number, Life>();
  const lifeOf = new Map(story.lives.flatMap((life) => (life.boot === null ? [] : [[life.boot, life] as const])));
  for (const entry of story.journal.entries) {
    const life = lifeOf.get(entry);
    if (life !== undefined) {
      const before = previous.get(life.node);
      previous.set(life.node, life);
      const known = highest.get(life.node);
      if (known === undefined || before === undefined) continue;
      if (!hasKeptDisk(story, before, life) || story.wiped.has(life.node)) continue;
      const kept = readVector(entry.vc).get(life.node) ?? 0;
      if (kept >= known.seq) continue;
      const what = `node ${known.entry.node} has ${nameOf(known)}, and its payer starts again with ${life.node}/${kept}`;
      violations.push({ what, proof: [known.entry, entry] });
      continue;
    }
    const delivery = readDelivery(entry);
    if (delivery === null) continue;
    if (delivery.seq > (highest.get(delivery.origin)?.seq ?? 0)) highest.set(delivery.origin, delivery);
  }
  return violations;
}
