/** `sim --bugs`: the table of known bugs, each hunted by random schedules until the checker that is for it names it. */
import type { BugReport } from "../../sim/threads/hunt-threads.ts";
import type { CommandContext } from "./context.ts";

export interface BugFlags {
  /** Names, with commas; true: all. */
  readonly bugs: string | true;
  readonly from: number;
  readonly within: number | null;
  readonly workers?: number;
}

export async function showBugs(context: CommandContext, flags: BugFlags): Promise<void> {
  const [{ huntBugs }, { BUGS }, { EXIT, LabError }, { pickWords }] = await Promise.all([
    import("../../sim/threads/hunt-threads.ts"),
    import("../../sim/bugs/bug-cases.ts"),
    import("../../base/lab-error.ts"),
    import("../../base/suggest.ts"),
  ]);
  const names = BUGS.map(({ name }) => name);
  const bugs = flags.bugs === true ? names : pickWords(flags.bugs, names, "bug");
  const { printer, signal, progress } = context;
  context.finishOnInterrupt();
  const { from, within, workers } = flags;
  const report = await huntBugs({
    bugs,
    from,
    within,
    signal,
    ...(workers === undefined ? {} : { workers }),
    onHunted: (done, total) => progress({ step: "bugs", state: "info", detail: `${done} of ${total}` }),
  });
  printer.clear();
  printer.data(report, await describeReport(report, from));
  if (signal.aborted) {
    context.setExitCode(EXIT.interrupted);
    return;
  }
  const missed = report.found.filter(({ runs }) => runs === null).map(({ bug }) => bug);
  const [alarm] = report.alarms;
  if (alarm !== undefined)
    throw new LabError("failed", `seed ${alarm.seed} without a bug: ${alarm.check}: ${alarm.what}`, "a false alarm");
  if (missed.length > 0) throw new LabError("failed", `not found: ${missed.join(", ")}`, "try more: --seeds 1-200");
}

async function describeReport({ found, controls, alarms, seconds }: BugReport, from: number): Promise<string> {
  const [{ renderTable }, { findBug }] = await Promise.all([
    import("../ui/table.ts"),
    import("../../sim/bugs/bug-cases.ts"),
  ]);
  const rows = found.map(({ bug, runs, by, also }) => {
    const { what, check, spice, isOriginal } = findBug(bug);
    const notes = [isOriginal === true ? "original's" : "", spice === undefined ? "" : `with ${spice}`];
    const seen = by === null ? `${check} did NOT` : [by, ...also].join(", ");
    return [bug, what, seen, runs === null ? "-" : String(runs), notes.filter((note) => note !== "").join(", ")];
  });
  const columns = [
    { title: "BUG" },
    { title: "WHAT IT IS" },
    { title: "NAMED BY" },
    { title: "RUNS", align: "right" as const },
    { title: "NOTES" },
  ];
  const trouble = alarms.map(({ seed, check, what }) => `seed ${seed}: ${check}: ${what}`);
  return [
    renderTable(columns, rows),
    "",
    `without a bug: ${controls} schedules from seed ${from} on, ${alarms.length === 0 ? "no alarm" : `${alarms.length} alarms`}`,
    ...trouble,
    `${seconds.toFixed(0)} s; "with": what random schedules have too seldom is added to them`,
  ].join("\n");
}
