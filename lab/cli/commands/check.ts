/** `check`: what the journal of a run says of every promise. */
import type { Command } from "commander";
import { NEXT } from "../../base/next.ts";
import type { CheckResult, Verdict } from "../../check/verdict.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import type { Journal } from "../../journal/journal.ts";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

interface CheckFlags {
  only?: string;
  list?: boolean;
}

/** Violations of one check that are shown, and lines of one proof. */
const SHOWN_MAX = 5;

const NOTES: readonly Note[] = [
  "Most checks need a line for each delivery, which `up --journal detailed` records. A check that can't tell is inconclusive.",
  "Exit codes: 5 a promise was broken, and the lines shown prove it; 7 no promise was found broken, and at least one check is inconclusive.",
];

export function registerCheckCommands(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("check")
      .helpGroup("Look:")
      .argument("[folder]", "folder of a stored run (default: the running lab)")
      .description("check every promise over the journal of all nodes")
      .option("--only <names>", "run these checks only: conservation,agreement")
      .option("--list", "list the checks")
      .action((folder: string | undefined, flags: CheckFlags) => check(context, folder, flags)),
    context.caller.prefix,
    NOTES,
  );
}

async function check(context: CommandContext, folder: string | undefined, flags: CheckFlags): Promise<void> {
  const { CHECKERS, runChecks } = await import("../../check/checkers.ts");
  if (flags.list === true) {
    const { renderTable } = await import("../ui/table.ts");
    const rows = CHECKERS.map(({ name, promise }) => [name, promise]);
    const listed = CHECKERS.map(({ name, promise }) => ({ name, promise }));
    context.printer.data(listed, renderTable([{ title: "CHECK" }, { title: "PROMISE" }], rows));
    return;
  }
  const names = flags.only === undefined ? undefined : await parseNames(flags.only);
  if (folder !== undefined) {
    const journal = await readFolder(folder);
    await show(context, journal, runChecks(journal, names), folder);
    return;
  }
  await context.withLab(async (lab) => {
    const journal = await collectNow(context, lab);
    const results = await lab.kind.judge(journal, names ?? "all", ".");
    await show(context, journal, results, folder);
  });
}

/** @throws LabError("usage") for a name that no checker has */
async function parseNames(text: string): Promise<readonly string[]> {
  const [{ CHECKERS, findUnknownCheckers }, { LabError }, { didYouMean }] = await Promise.all([
    import("../../check/checkers.ts"),
    import("../../base/lab-error.ts"),
    import("../../base/suggest.ts"),
  ]);
  const names = text.split(",").map((name) => name.trim());
  const [stranger] = findUnknownCheckers(names);
  if (stranger === undefined) return names;
  const known = CHECKERS.map(({ name }) => name);
  const hint = didYouMean(stranger, known, NEXT.listChecks());
  throw new LabError("usage", `--only: there is no check "${stranger}"`, hint);
}

async function readFolder(folder: string): Promise<Journal> {
  const { readRun } = await import("../../journal/stored-run.ts");
  return await readRun(folder);
}

/** Up to now: a quiet lab writes nothing, so the lab itself says that it goes on. */
async function collectNow(context: CommandContext, lab: LabHandle): Promise<Journal> {
  const { collectJournal } = await import("../../cluster/collect.ts");
  await lab.note({ action: "check" }, "check");
  return await collectJournal(lab, { signal: context.signal });
}

async function show(
  context: CommandContext,
  journal: Journal,
  results: readonly CheckResult[],
  run: string | undefined,
): Promise<void> {
  const [{ worstOf }, { renderTable }, { verdictPaint }, { EXIT, LabError }] = await Promise.all([
    import("../../check/verdict.ts"),
    import("../ui/table.ts"),
    import("../ui/runs-table.ts"),
    import("../../base/lab-error.ts"),
  ]);
  const verdict = worstOf(results);
  const { printer } = context;
  const rows = results.map((result) => [result.check, result.verdict, result.detail]);
  const table = renderTable(
    [{ title: "CHECK" }, { title: "VERDICT" }, { title: "DETAIL" }],
    rows,
    verdictPaint(printer.color, 1),
  );
  const proofs = await Promise.all(results.map((result) => describeProofs(result, printer.color)));
  const text = [table, ...proofs.flat(), describeVerdict(journal, verdict, results)].join("\n");
  printer.data({ verdict, checks: results }, text);
  const broken = results.find((result) => result.verdict === "invalid");
  if (broken !== undefined) {
    const what = broken.violations[0]?.what ?? broken.detail;
    throw new LabError("invariantViolated", `${broken.check}: ${what}`, NEXT.readEvents(run));
  }
  if (verdict === "inconclusive") context.setExitCode(EXIT.inconclusive);
  if (!journal.facts.isDetailed) context.next(NEXT.journalDetailed());
}

/** Each violation in a sentence, and the lines that prove it. */
async function describeProofs({ check, violations }: CheckResult, isColoured: boolean): Promise<readonly string[]> {
  const { renderEvent } = await import("../ui/event-line.ts");
  const shown = violations
    .slice(0, SHOWN_MAX)
    .flatMap(({ what, proof }) => [
      "",
      `${check}: ${what}`,
      ...proof.slice(-SHOWN_MAX).map((entry) => `  ${renderEvent(entry, isColoured)}`),
    ]);
  const more = violations.length - SHOWN_MAX;
  return more > 0 ? [...shown, "", `${check}: and ${more} more`] : shown;
}

function describeVerdict({ facts, entries }: Journal, verdict: Verdict, results: readonly CheckResult[]): string {
  const words = {
    valid: "every promise held",
    invalid: "a promise was broken",
    inconclusive: "nothing was found broken",
  };
  const isIdle = results.every((result) => result.verdict === "nothing to judge");
  return `${isIdle ? "nothing to judge" : words[verdict]}: ${entries.length} lines of ${facts.nodes.length} nodes`;
}
