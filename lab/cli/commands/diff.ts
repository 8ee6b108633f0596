/** `diff`: two stored runs side by side, and where they part first. */
import type { Command } from "commander";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

const NOTES: readonly Note[] = [
  "Runs are cut at their steps, and what each node did in one is looked for in the other: roles, terms, members, trades and faults, whatever the clocks say. The first event without a counterpart is where they part; what follows may follow from it.",
  [["diff out/a out/b", "compare two runs that --report or the command report wrote"]],
  "Exit codes: 0 the same, 1 different.",
];

export function registerDiffCommand(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("diff")
      .helpGroup("Look:")
      .description("compare two stored runs, and show where they part first")
      .argument("<a>", "folder of a stored run")
      .argument("<b>", "folder of another one")
      .action(async (a: string, b: string) => (await import("./diff-actions.ts")).runDiff(context, a, b)),
    context.caller.prefix,
    NOTES,
  );
}
