// Checkers that never saw a bug prove nothing: each known bug must be found by random schedules, and named by the checker that is for it,
// from the journal alone; and without the bug the same schedules must raise no alarm. `lab sim --bugs` prints the table.
import { describe, expect, it } from "vitest";
import { CHECKERS } from "../../lab/check/checkers.ts";
import { BUGS, withoutBug } from "../../lab/sim/bugs/bug-cases.ts";
import { findAlarms, huntBug, playHunt } from "../../lab/sim/bugs/hunt.ts";
import { RULES } from "../../node/core/kernel/rules.ts";
import { isExtended } from "../support/extended.ts";

/** Those that take more than a few schedules are hunted with `--all`. */
const SLOW: readonly string[] = ["two-votes", "no-refutation", "rival-leaders", "dead-halves", "no-suspicion"];
const HUNTED = BUGS.filter(({ name }) => isExtended || !SLOW.includes(name));
const CONTROLS = isExtended ? 60 : 10;

describe("a bug", () => {
  it.each(HUNTED)("$name must be named by $check within $within schedules", { timeout: 120_000 }, (bug) => {
    const seeds = Array.from({ length: bug.within }, (_, index) => index + 1);
    const found = huntBug(bug, seeds);
    expect(found.by, `lab sim --bugs ${bug.name}`).toBe(bug.check);
    if (bug.spice === undefined || found.seed === null) return;
    const alarms = findAlarms(playHunt(found.seed, withoutBug(bug)));
    expect(alarms.map(({ check, violations }) => `${check}: ${violations[0]?.what}`)).toEqual([]);
  });
});

it(`sound nodes must raise no alarm in ${CONTROLS} schedules`, { timeout: 240_000 }, () => {
  for (let seed = 1; seed <= CONTROLS; seed++) {
    const alarms = findAlarms(playHunt(seed, null));
    expect(alarms.map(({ check, violations }) => `seed ${seed}: ${check}: ${violations[0]?.what}`)).toEqual([]);
  }
});

it("the table must be about checkers and rules that there are, and hold the original's six and a dozen others", () => {
  const checkers = CHECKERS.map(({ name }) => name);
  for (const { check, without } of BUGS) {
    expect(checkers).toContain(check);
    for (const rule of without) expect(Object.keys(RULES)).toContain(rule);
  }
  expect(BUGS.filter(({ isOriginal }) => isOriginal).length).toBe(6);
  expect(BUGS.length).toBeGreaterThanOrEqual(18);
  expect(new Set(BUGS.map(({ name }) => name)).size).toBe(BUGS.length);
});
