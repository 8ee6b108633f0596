/** `report`: everything about a running lab into a folder, or what a stored run came to. */
import type { Command } from "commander";
import { NEXT } from "../../base/next.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import type { RunRecord } from "../../cluster/run-record.ts";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

const NOTES: readonly Note[] = [
  [
    ["report", "write what the running lab did so far, with verdicts, into a new folder below out/"],
    ["report --to reports", "the same below reports/"],
    ["report reports", "sum up the latest run in that folder (or name the folder of one run)"],
  ],
  "Exit codes: 0 valid, 5 invalid, 7 inconclusive. Deliveries and messages are judged if the nodes recorded them: up --journal wire. A report never holds tokens or keys.",
];

export function registerReportCommands(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("report")
      .helpGroup("Look:")
      .description("write everything about a running lab into a folder, or sum up a stored run")
      .argument("[folder]", "folder of a stored run, or a folder of runs: the latest one")
      .option("--to <dir>", "folder for the report of the running lab", "out")
      .option("--title <words>", "title of the run (default: the lab's name)")
      .action(async (folder: string | undefined, flags: { to: string; title?: string }) =>
        folder === undefined ? await writeOne(context, flags) : await sumUp(context, folder),
      ),
    context.caller.prefix,
    NOTES,
  );
}

async function sumUp(context: CommandContext, folder: string): Promise<void> {
  const [{ readReport }, { summarise }, { join }] = await Promise.all([
    import("../../report/read-report.ts"),
    import("../../report/summary.ts"),
    import("node:path"),
  ]);
  const { path, results, isJudgedAnew } = await readReport(folder);
  context.printer.data({ path, ...results }, summarise(results));
  if (isJudgedAnew) context.printer.say("the run was judged just now: the folder held only the journal");
  else {
    context.printer.say(`look at it: ${join(path, "report.html")}`);
    context.next(NEXT.openRun(path));
  }
  context.setExitCode(results.exitCode);
}

async function writeOne(context: CommandContext, flags: { to: string; title?: string }): Promise<void> {
  const [{ writeReport }, { describeResults }, { summarise }] = await Promise.all([
    import("../../report/write-report.ts"),
    import("../../report/results.ts"),
    import("../../report/summary.ts"),
  ]);
  await context.withLab(async (lab) => {
    const record = await recordOf(lab, flags.title ?? lab.name, context.signal);
    const results = describeResults(record);
    // The verdict stands, whatever becomes of the folder.
    if (!context.printer.json) context.printer.data(null, summarise(results));
    const { path } = await writeReport(flags.to, record).catch((error: unknown) => {
      if (context.printer.json) context.printer.data({ path: null, ...results }, "");
      throw error;
    });
    if (context.printer.json) context.printer.data({ path, ...results }, "");
    context.printer.say(`report: ${path}`);
    context.setExitCode(results.exitCode);
  });
}

async function recordOf(lab: LabHandle, title: string, signal: AbortSignal): Promise<RunRecord> {
  const [{ collectEvidence }, { judgeRun }] = await Promise.all([
    import("../../cluster/evidence.ts"),
    import("../../report/judged-run.ts"),
  ]);
  const collected = await collectEvidence(lab, { signal });
  const startedAtMs = lab.info.createdAtMs ?? Date.now();
  return judgeRun({ ...collected, startedAtMs, tookMs: Date.now() - startedAtMs }, { title });
}
