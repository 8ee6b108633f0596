/** `record`: what was done to a lab, as a scenario that runs everywhere. */
import type { Command } from "commander";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

const NOTES: readonly Note[] = [
  "The lab wrote down what was done to it since it was started: kills, pauses, cuts, impairments, and the nodes their trades. The scenario does the same at the same times, on any runtime that has these faults. Elections and recoveries that somebody asked for leave no line, and are not in it.",
  [
    ["record --to bad-day.yaml", "write the scenario into a file"],
    ["run bad-day.yaml --runtime sim", "and play it in virtual time"],
  ],
];
const NAME_CHARS_MAX = 30;

export function registerRecordCommand(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("record")
      .helpGroup("Experiments:")
      .description("write down what was done to the lab so far, as a scenario")
      .option("--to <file>", "file for the scenario (default: it is printed)")
      .action((flags: { to?: string }) => record(context, flags.to ?? null)),
    context.caller.prefix,
    NOTES,
  );
}

async function record(context: CommandContext, file: string | null): Promise<void> {
  const [{ writeFile }, { cantWrite }, { NEXT }, { collectEvidence }, { formatScenario }, { recordLab }] =
    await Promise.all([
      import("node:fs/promises"),
      import("../../base/system-error.ts"),
      import("../../base/next.ts"),
      import("../../cluster/evidence.ts"),
      import("../../scenario/format-scenario.ts"),
      import("../../scenario/record-lab.ts"),
    ]);
  const { printer, signal } = context;
  await context.withLab(async (lab) => {
    const { journal } = await collectEvidence(lab, { signal });
    const scenario = recordLab(journal, lab.name.slice(0, NAME_CHARS_MAX).replace(/-$/, ""));
    const text = formatScenario(scenario, { comment: [`What was done to the lab "${lab.name}".`] });
    if (file === null) {
      printer.data(scenario, text.trimEnd());
      return;
    }
    await writeFile(file, text).catch((error: unknown) => {
      throw cantWrite(file, error, "name another file");
    });
    printer.data({ file, steps: scenario.steps.length }, `${scenario.steps.length} steps in ${file}`);
    context.next(NEXT.playInVirtualTime(file));
  });
}
