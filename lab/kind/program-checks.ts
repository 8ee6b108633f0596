/**
 * Checks of a run of somebody else's program, over its facts: generic ones that need no knowledge of it, expressions, and modules.
 * They give what our own checkers give.
 */

import { resolve } from "node:path";
import * as z from "zod";
import { formatDuration, parseDuration } from "../base/duration.ts";
import type { CheckResult, Violation } from "../check/verdict.ts";
import type { Journal } from "../journal/journal.ts";
import { callModule } from "./call-module.ts";
import type { ProgramCheck } from "./check-schema.ts";
import { isTrue, parseExpression } from "./expression.ts";
import { type Moment, timelineOf } from "./timeline.ts";

const MODULE_MS_MAX = 30_000;
const VIOLATIONS_MAX = 20;

/** @param folder of the file that names modules. @throws LabError("usage") for an expression that can't be read */
export async function runProgramChecks(
  journal: Journal,
  checks: readonly ProgramCheck[],
  folder: string,
): Promise<readonly CheckResult[]> {
  const moments = timelineOf(journal);
  const results = await Promise.all(
    checks.map(async (check) => {
      if (typeof check === "string") return doubted(await runModule(journal, resolve(folder, check), check), journal);
      if ("silence" in check) return checkSilence(journal, moments, parseDuration(check.silence, "silence"));
      if ("one-holder" in check)
        return checkHolders(moments, check["one-holder"], parseDuration(check.within ?? "5s", "within"));
      if ("agree" in check) return checkAgreement(moments, check.agree, parseDuration(check.within ?? "10s", "within"));
      return checkAlways(moments, check.always, check.name ?? check.always);
    }),
  );
  const { unseen } = journal.facts;
  if (unseen === undefined) return results;
  return [...results, { check: "messages", verdict: "inconclusive", violations: [], detail: unseen }];
}

/** A module may judge messages, and the tap hasn't seen all: it can't find fault then. The other checks judge what nodes wrote. */
function doubted(found: CheckResult, { facts: { unseen } }: Journal): CheckResult {
  if (unseen === undefined || found.verdict !== "invalid") return found;
  return {
    ...found,
    verdict: "inconclusive",
    detail: `${unseen}; it said: ${found.violations[0]?.what ?? found.detail}`,
  };
}

function result(check: string, violations: readonly Violation[], judged: number, counted: string): CheckResult {
  const verdict = violations.length > 0 ? "invalid" : judged === 0 ? "nothing to judge" : "valid";
  return { check, verdict, violations: violations.slice(0, VIOLATIONS_MAX), detail: counted };
}

/** No node that runs is silent for longer. */
function checkSilence(journal: Journal, moments: readonly Moment[], spanMs: number): CheckResult {
  const violations: Violation[] = [];
  const last = new Map<number, { atMs: number; proof: Violation["proof"] }>();
  for (const { atMs, entry, running } of moments) {
    for (const id of [...last.keys()]) if (!running.has(id)) last.delete(id);
    for (const id of running) {
      const before = last.get(id);
      if (before !== undefined && atMs - before.atMs > spanMs) {
        const what = `node ${id} wrote nothing for ${formatDuration(atMs - before.atMs)}, more than ${formatDuration(spanMs)}`;
        violations.push({ what, proof: [...before.proof, ...(entry === null ? [] : [entry])] });
        last.set(id, { atMs, proof: entry === null ? [] : [entry] });
      } else if (before === undefined || entry?.node === id)
        last.set(id, { atMs, proof: entry === null ? [] : [entry] });
    }
  }
  const lines = journal.entries.filter(({ node }) => node !== 0).length;
  return result("silence", violations, lines, `${lines} lines of ${journal.facts.nodes.length} nodes`);
}

/** While nodes can hear each other, two of them don't hold the same for longer than `graceMs`. */
function checkHolders(moments: readonly Moment[], fact: string, graceMs: number): CheckResult {
  const violations: Violation[] = [];
  let since: number | null = null;
  let isTold = false;
  let changes = 0;
  for (const { atMs, entry, isWhole, holders } of moments) {
    if (entry?.fact === fact) changes += 1;
    const ids = holders(fact);
    if (ids.length < 2 || !isWhole) {
      since = null;
      isTold = false;
      continue;
    }
    since ??= atMs;
    if (isTold || atMs - since <= graceMs) continue;
    isTold = true;
    const what = `nodes ${ids.join(" and ")} are ${fact} at the same time for ${formatDuration(atMs - since)}, though no fault keeps them apart`;
    violations.push({ what, proof: ids.flatMap((id) => lastTold(moments, id, fact, atMs)) });
  }
  return result(`one-holder ${fact}`, violations, changes, `${changes} changes of ${fact}`);
}

/** At most `graceMs` after the last fault or restart, all nodes say the same. */
function checkAgreement(moments: readonly Moment[], fact: string, graceMs: number): CheckResult {
  const violations: Violation[] = [];
  let calmSince: number | null = null;
  let isTold = false;
  let judged = 0;
  let known = 0;
  for (const { atMs, entry, isWhole, running, saidBy } of moments) {
    if (
      !isWhole ||
      calmSince === null ||
      // One that is heard for the first time has to find out.
      running.size > known ||
      (entry?.node === 0 && typeof entry.action === "string" && !["step", "check", "tell"].includes(entry.action))
    ) {
      calmSince = isWhole ? atMs : null;
      isTold = false;
      known = running.size;
      continue;
    }
    if (isTold || atMs - calmSince <= graceMs || running.size === 0) continue;
    judged += 1;
    const said = [...running].map((id) => [id, saidBy(id, fact)] as const);
    if (new Set(said.map(([, value]) => value)).size === 1) continue;
    isTold = true;
    const what = `${formatDuration(atMs - calmSince)} after the last fault the nodes don't agree on ${fact}: ${said.map(([id, value]) => `${id} says ${value ?? "nothing"}`).join(", ")}`;
    violations.push({ what, proof: said.flatMap(([id]) => lastTold(moments, id, fact, atMs)) });
  }
  return result(
    `agree ${fact}`,
    violations,
    judged,
    `${judged} moments, ${formatDuration(graceMs)} or more after a fault`,
  );
}

/** An expression that holds after every line that tells a fact. */
async function checkAlways(moments: readonly Moment[], text: string, name: string): Promise<CheckResult> {
  const expression = parseExpression(text);
  const violations: Violation[] = [];
  let judged = 0;
  let wasTrue = true;
  for (const { entry, state, isWhole } of moments) {
    if (entry === null || (typeof entry.fact !== "string" && entry.node !== 0)) continue;
    judged += 1;
    const holds = isTrue(await expression.evaluate({ ...state(), whole: isWhole }));
    if (!holds && wasTrue) violations.push({ what: `${name} doesn't hold`, proof: [entry] });
    wasTrue = holds;
  }
  return result(name, violations, judged, `${judged} moments`);
}

function lastTold(moments: readonly Moment[], id: number, fact: string, atMs: number): Violation["proof"] {
  const found = moments.findLast(
    (moment) => moment.atMs <= atMs && moment.entry?.node === id && moment.entry.fact === fact,
  );
  return found?.entry == null ? [] : [found.entry];
}

const Answer = z.object({
  verdict: z.enum(["valid", "invalid", "inconclusive", "nothing to judge"]),
  detail: z.string().default(""),
  violations: z.array(z.object({ what: z.string(), lines: z.array(z.int()).default([]) })).default([]),
});

/** A module whose default export takes the journal and returns \`{ verdict, detail, violations: [{ what, lines }] }\`. */
async function runModule(journal: Journal, path: string, name: string): Promise<CheckResult> {
  const fail = (why: string): CheckResult => ({ check: name, verdict: "inconclusive", violations: [], detail: why });
  try {
    const answer = await callModule(path, journal, MODULE_MS_MAX, "once");
    const parsed = Answer.safeParse(answer);
    if (!parsed.success) return fail(`it answered in another form: ${z.prettifyError(parsed.error)}`);
    const violations = parsed.data.violations.map(({ what, lines }) => ({
      what,
      proof: lines.flatMap((line) => journal.entries[line] ?? []),
    }));
    return { check: name, verdict: parsed.data.verdict, violations, detail: parsed.data.detail };
  } catch (error) {
    return fail(`the module failed: ${(error as Error).message}`);
  }
}
